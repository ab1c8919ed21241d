/** Zoom and pan of a drawing: wheel after a click into it, drag, buttons, fit. */
import { type PointerEvent, useCallback, useEffect, useRef, useState } from "react";

export interface View {
  x: number;
  y: number;
  scale: number;
}

const MIN = 0.1;
const MAX = 3;

/** Height of the tools at the bottom, which must not stand on the drawing. */
const TOOLS = 38;

/** The view in which a drawing of this size is whole, and in the middle as far as the tools below leave room. */
export function fitted(width: number, height: number, boxWidth: number, boxHeight: number): View {
  const free = boxHeight - TOOLS;
  const scale = Math.max(MIN, Math.min(1.25, boxWidth / width, free / height));
  return { scale, x: (boxWidth - width * scale) / 2, y: Math.min((boxHeight - height * scale) / 2, free - height * scale) };
}

export function useViewport(width: number, height: number) {
  const root = useRef<HTMLDivElement>(null);
  const [box, setBox] = useState({ width: 0, height: 0 });
  /** `null` follows the drawing: it is always whole until the user moves it. */
  const [own, setOwn] = useState<View | null>(null);
  const [focused, setFocused] = useState(false);
  const auto = fitted(width, height, box.width || 600, box.height || 300);
  const view = own ?? auto;
  const latest = useRef(view);
  useEffect(() => { latest.current = view; });

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const observer = new ResizeObserver(() => { setBox({ width: element.clientWidth, height: element.clientHeight }); });
    observer.observe(element);
    return () => { observer.disconnect(); };
  }, []);

  const zoom = useCallback((factor: number, at?: { x: number; y: number }) => {
    const now = latest.current;
    const element = root.current;
    const point = at ?? { x: (element?.clientWidth ?? 0) / 2, y: (element?.clientHeight ?? 0) / 2 };
    const scale = Math.min(Math.max(now.scale * factor, MIN), MAX);
    const ratio = scale / now.scale;
    setOwn({ scale, x: point.x - (point.x - now.x) * ratio, y: point.y - (point.y - now.y) * ratio });
  }, []);

  useEffect(() => {
    const element = root.current;
    if (!element || !focused) return;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const area = element.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY * 0.0015), { x: event.clientX - area.left, y: event.clientY - area.top });
    };
    const leave = (event: Event) => {
      if (!element.contains(event.target as Node)) setFocused(false);
    };
    element.addEventListener("wheel", wheel, { passive: false });
    document.addEventListener("pointerdown", leave);
    return () => {
      element.removeEventListener("wheel", wheel);
      document.removeEventListener("pointerdown", leave);
    };
  }, [focused, zoom]);

  const pan = (event: PointerEvent) => {
    if (event.button !== 0) return;
    setFocused(true);
    const [x, y, from] = [event.clientX, event.clientY, latest.current];
    drag((moved) => { setOwn({ ...from, x: from.x + moved.clientX - x, y: from.y + moved.clientY - y }); });
  };
  return { root, view, focused, fit: () => { setOwn(null); }, blur: () => { setFocused(false); }, zoom, pan, latest };
}

/** Follows the pointer until it is let go; `end` hears whether it moved. */
export function drag(move: (event: globalThis.PointerEvent) => void, end?: (moved: boolean) => void): void {
  let travelled = 0;
  const onMove = (event: globalThis.PointerEvent) => {
    travelled += Math.abs(event.movementX) + Math.abs(event.movementY);
    if (travelled > 4) move(event);
  };
  const onUp = () => {
    removeEventListener("pointermove", onMove);
    removeEventListener("pointerup", onUp);
    removeEventListener("pointercancel", onUp);
    end?.(travelled > 4);
  };
  addEventListener("pointermove", onMove);
  addEventListener("pointerup", onUp);
  addEventListener("pointercancel", onUp);
}
