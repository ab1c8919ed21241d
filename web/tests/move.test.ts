import { expect, test } from "vitest";
import type { Position } from "../src/api";
import { moved, withPositions } from "../src/page/move";

const at = (x: number, y: number, w: number, h: number): Position => ({ x, y, w, h });
const overlap = (a: Position, b: Position) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

const GRID = [at(0, 0, 6, 3), at(6, 0, 6, 3), at(0, 3, 12, 3)];

test.each<[string, number, { x?: number; y?: number; w?: number; h?: number }, Position]>([
  ["to the right, over its neighbour", 0, { x: 6 }, at(6, 0, 6, 3)],
  ["down, over what is below", 1, { y: 3 }, at(6, 3, 6, 3)],
  ["wider", 0, { w: 3 }, at(0, 0, 9, 3)],
  ["not out of the grid", 1, { x: 9, y: -4 }, at(6, 0, 6, 3)],
  ["not smaller than two by two", 0, { w: -9, h: -9 }, at(0, 0, 2, 2)],
  ["not wider than the grid", 1, { w: 9 }, at(6, 0, 6, 3)],
])("a widget goes %s, and nothing overlaps", (_, index, by, expected) => {
  const result = moved(GRID, index, by);
  expect(result[index]).toEqual(expected);
  result.forEach((a, i) => { result.forEach((b, j) => { expect(i !== j && overlap(a, b)).toBe(false); }); });
});

test("the vis spec says the new positions and keeps the rest", () => {
  const vis = { variables: [], widgets: [{ name: "a", position: at(0, 0, 6, 3), func: { name: "f" } }, { name: "b" }] };
  expect(withPositions(vis, [at(6, 0, 6, 3), at(0, 0, 6, 3)])).toEqual({ variables: [], widgets: [{ name: "a", position: at(6, 0, 6, 3), func: { name: "f" } }, { name: "b", position: at(0, 0, 6, 3) }] });
  expect(vis.widgets[1]).toEqual({ name: "b" });
});
