/** Keys that work anywhere but in a text field. A key of two letters, such as `g t`, is pressed one after the other. */
import { useEffect, useRef } from "react";

const SEQUENCE_MS = 1200;

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

export function useKeys(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  useEffect(() => { latest.current = keys; });
  useEffect(() => {
    let first: { key: string; at: number } | null = null;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
      const sequence = first !== null && performance.now() - first.at < SEQUENCE_MS ? latest.current[`${first.key} ${event.key}`] : undefined;
      const begins = Object.keys(latest.current).some((name) => name.startsWith(`${event.key} `));
      first = sequence === undefined && begins ? { key: event.key, at: performance.now() } : null;
      const act = sequence ?? (begins ? undefined : latest.current[event.key]);
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKey);
    return () => { removeEventListener("keydown", onKey); };
  }, []);
}
