import { expect, test } from "vitest";
import type { Position, RunResult, WidgetSpec } from "../src/api";
import { compacted, neededHeight } from "../src/page/heights";

const at = (x: number, y: number, w: number, h: number): Position => ({ x, y, w, h });

test("a band is as high as the one of its widgets that needs most, and what is below moves up", () => {
  expect(compacted([at(0, 0, 6, 3), at(6, 0, 6, 3), at(0, 3, 12, 3)], [2, 1, 3])).toEqual([at(0, 0, 6, 2), at(6, 0, 6, 2), at(0, 2, 12, 3)]);
});

test("a band whose widgets begin at different heights stays as it is", () => {
  expect(compacted([at(0, 0, 6, 4), at(6, 0, 6, 2), at(6, 2, 6, 2), at(0, 4, 12, 3)], [1, 1, 1, 2])).toEqual([at(0, 0, 6, 4), at(6, 0, 6, 2), at(6, 2, 6, 2), at(0, 4, 12, 2)]);
});

test("a gap between bands is kept", () => {
  expect(compacted([at(0, 0, 12, 3), at(0, 5, 12, 3)], [2, 2])).toEqual([at(0, 0, 12, 2), at(0, 4, 12, 2)]);
});

test("a gap above the first is not", () => {
  expect(compacted([at(0, 4, 12, 3), at(0, 7, 12, 3)], [2, 3])).toEqual([at(0, 0, 12, 2), at(0, 2, 12, 3)]);
});

test("where nothing has rows, one grid row says so", () => {
  const empty = (name: string) => ({ name, columns: [], rows: [], numRows: 0, truncated: false });
  const widget: WidgetSpec = { name: "w", table: "a", position: at(0, 0, 12, 4), displaySpec: { "@type": "types.px.dev/px.vispb.Table" } };
  const result: RunResult = { script: "", args: {}, executedAt: 0, compileMs: 0, durationMs: 0, tables: [empty("a"), empty("b")], widgets: [widget], messages: [] };
  expect(neededHeight(widget, widget.position, result)).toBe(1);
});

const kinds: [string, string, number, string | null, number][] = [
  ["a table of three rows", "Table", 3, null, 2],
  ["a table of a hundred rows", "Table", 100, null, 3],
  ["an empty table with steps to take", "Table", 0, null, 2],
  ["a chart of what is not captured", "TimeseriesChart", 0, "HTTP requests are not captured yet", 1],
  ["a chart", "TimeseriesChart", 3, null, 3],
];
for (const [what, kind, rows, note, needed] of kinds)
  test(`${what} can do with ${needed} grid rows of three`, () => {
    const widget: WidgetSpec = { name: "w", table: "t", position: at(0, 0, 12, 3), displaySpec: { "@type": `types.px.dev/px.vispb.${kind}` } };
    const table = { name: "t", columns: [], rows: Array.from({ length: rows }, () => []), numRows: rows, truncated: false, note };
    const result: RunResult = { script: "", args: {}, executedAt: 0, compileMs: 0, durationMs: 0, tables: [table], widgets: [widget], messages: [] };
    expect(neededHeight(widget, widget.position, result)).toBe(needed);
  });
