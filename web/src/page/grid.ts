/** Where widgets stand: 12 columns, overlaps pushed down. */
import type { Position, WidgetSpec } from "../api";

export const COLUMNS = 12;

/** `types.px.dev/px.vispb.Table` → `Table`. */
export const kindOf = (widget: WidgetSpec): string => (widget.displaySpec["@type"] ?? "").split(".").pop() ?? "";

export const overlaps = (a: Position, b: Position): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Positions that fit the grid and do not overlap. What comes later in the list gives way. */
export function place(positions: readonly Position[]): Position[] {
  const placed: Position[] = [];
  const order = positions.map((_, index) => index).sort((a, b) => (positions[a]?.y ?? 0) - (positions[b]?.y ?? 0) || a - b);
  for (const index of order) {
    const wanted = positions[index] as Position;
    const w = Math.min(Math.max(Math.round(wanted.w) || 2, 2), COLUMNS);
    const position = { x: Math.min(Math.max(Math.round(wanted.x) || 0, 0), COLUMNS - w), y: Math.max(Math.round(wanted.y) || 0, 0), w, h: Math.max(Math.round(wanted.h) || 2, 2) };
    while (placed.some((other) => overlaps(position, other))) position.y += 1;
    placed[index] = position;
  }
  return placed;
}

/** Indices in reading order, for narrow screens and for screen readers. */
export function readingOrder(positions: readonly Position[]): number[] {
  return positions.map((_, index) => index).sort((a, b) => (positions[a]?.y ?? 0) - (positions[b]?.y ?? 0) || (positions[a]?.x ?? 0) - (positions[b]?.x ?? 0));
}
