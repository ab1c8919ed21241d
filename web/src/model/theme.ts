/** Dark or light: the system's wish until the user says otherwise. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "kafkascope-theme";
const EVENT = "kafkascope:theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}

export const theme = (): Theme => chosen() ?? (system.matches ? "dark" : "light");

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
}

export function toggleTheme(): void {
  const next: Theme = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  document.documentElement.dataset.theme = next;
  dispatchEvent(new Event(EVENT));
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (changed) => {
      const both = () => {
        applyTheme();
        changed();
      };
      system.addEventListener("change", both);
      addEventListener(EVENT, changed);
      return () => {
        system.removeEventListener("change", both);
        removeEventListener(EVENT, changed);
      };
    },
    () => (document.documentElement.dataset.theme as Theme | undefined) ?? theme(),
  );
}
