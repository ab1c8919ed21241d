/** Widgets put elsewhere: new positions, and the vis spec that says them. */
import type { Position } from "../api";
import { COLUMNS, overlaps } from "./grid";

type Vis = Record<string, unknown>;

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** One position changed by so many columns and rows; it keeps its place, what it covers gives way. */
export function moved(positions: readonly Position[], index: number, by: { x?: number; y?: number; w?: number; h?: number }): Position[] {
  const old = positions[index];
  if (!old) return [...positions];
  const w = clamp(old.w + (by.w ?? 0), 2, COLUMNS - (by.w === undefined ? 0 : old.x));
  const wanted = { x: clamp(old.x + (by.x ?? 0), 0, COLUMNS - w), y: Math.max(old.y + (by.y ?? 0), 0), w, h: Math.max(old.h + (by.h ?? 0), 2) };
  const order = [index, ...positions.map((_, at) => at).filter((at) => at !== index)];
  const placed = settle(order.map((at) => (at === index ? wanted : (positions[at] as Position))));
  const result: Position[] = [];
  order.forEach((at, position) => { result[at] = placed[position] as Position; });
  return result;
}

/** The first stays where it is; the others are pushed down where they overlap. */
function settle([first, ...rest]: Position[]): Position[] {
  if (!first) return [];
  const placed: Position[] = [first];
  const result: Position[] = [first];
  const order = rest.map((_, index) => index).sort((a, b) => (rest[a]?.y ?? 0) - (rest[b]?.y ?? 0) || a - b);
  for (const index of order) {
    const position = { ...(rest[index] as Position) };
    while (placed.some((other) => overlaps(position, other))) position.y += 1;
    placed.push(position);
    result[index + 1] = position;
  }
  return result;
}

/** The vis spec with these positions, by the order of its widgets. */
export function withPositions(vis: Vis, positions: readonly Position[]): Vis {
  const widgets = Array.isArray(vis.widgets) ? (vis.widgets as Vis[]) : [];
  return { ...vis, widgets: widgets.map((widget, index) => (positions[index] ? { ...widget, position: positions[index] } : widget)) };
}
