/** What is open over the page closes at a press outside of it and at Escape. */
import { type RefObject, useEffect } from "react";

/** `close` must keep its identity: a state's setter does. */
export function useDismiss(open: boolean, root: RefObject<HTMLElement | null>, close: (open: false) => void): void {
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key === "Escape" : !root.current?.contains(event.target as Node)) close(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", outside);
    };
  }, [open, root, close]);
}
