/** How many grid rows widgets need: a graph may need more than its vis spec gives it, a table of three rows fewer. */
import type { Position, RunResult, WidgetSpec } from "../api";
import { graphModel, graphSpec } from "../graph/model";
import { kindOf } from "./grid";

const MAX_GRAPH_ROWS = 6;

/** Whether the run gave tables and not one of them has a row: the page says it once, and widgets only that they have none. */
export const everythingEmpty = (result: RunResult): boolean => result.tables.length > 1 && result.tables.every((table) => table.rows.length === 0);

/** The least that a grid row is high, its gap, and the parts of a widget, in pixels; styles/widgets.css has them too. */
const [ROW, GAP, HEADER, THEAD, TABLE_ROW, SCROLLBAR] = [96, 12, 36, 32, 28, 16];
const EMPTY = 150;

const rowsOf = (pixels: number): number => Math.ceil((pixels + GAP) / (ROW + GAP));

/** Rows that a graph needs to be read. */
export function graphHeight(widget: WidgetSpec, result: RunResult): number {
  const table = result.tables.find((each) => each.name === widget.table);
  const spec = table && kindOf(widget).endsWith("Graph") ? graphSpec(widget.displaySpec, table.columns) : null;
  if (!table || !spec) return 0;
  const model = graphModel(table, spec, new Set(), false);
  const [from, to] = [new Set(model.edges.map((edge) => edge.from)), new Set(model.edges.map((edge) => edge.to))];
  const both = [...from].filter((id) => to.has(id)).length;
  const tallest = Math.max(from.size - both, both, to.size - both);
  return Math.min(Math.ceil((tallest * 32 + 50) / 110), MAX_GRAPH_ROWS);
}

/** Pixels that a table's rows take. */
export const tableHeight = (rows: number): number => HEADER + THEAD + rows * TABLE_ROW + SCROLLBAR;

/** Grid rows that a widget can do with; as many as it has where that cannot be said. */
export function neededHeight(widget: WidgetSpec, at: Position, result: RunResult): number {
  const table = result.tables.find((each) => each.name === widget.table);
  if (!table || kindOf(widget) === "TextChart") return at.h;
  if (table.rows.length === 0) return Math.min(at.h, table.note || everythingEmpty(result) ? 1 : rowsOf(EMPTY));
  return kindOf(widget) === "Table" ? Math.min(at.h, Math.max(rowsOf(tableHeight(table.rows.length)), 2)) : at.h;
}

/**
 * The same places with bands of widgets that stand side by side as high as the one of them that needs most. Bands whose widgets begin at different
 * heights stay as they are.
 */
export function compacted(positions: readonly Position[], needed: readonly number[]): Position[] {
  const result = positions.map((position) => ({ ...position }));
  const order = positions.map((_, index) => index).sort((a, b) => (positions[a]?.y ?? 0) - (positions[b]?.y ?? 0));
  // A vis spec may begin below the top, where something stood once.
  let gained = positions[order[0] ?? 0]?.y ?? 0;
  for (let first = 0; first < order.length;) {
    const band: number[] = [];
    const top = positions[order[first] ?? 0]?.y ?? 0;
    let bottom = top;
    let next = first;
    for (let index = order[next]; index !== undefined; index = order[next]) {
      const at = positions[index] as Position;
      if (band.length > 0 && at.y >= bottom) break;
      bottom = Math.max(bottom, at.y + at.h);
      band.push(index);
      next += 1;
    }
    const height = band.every((index) => positions[index]?.y === top) ? Math.max(...band.map((index) => needed[index] ?? 0)) : bottom - top;
    for (const index of band) {
      const at = result[index] as Position;
      at.y -= gained;
      if (height < bottom - top) at.h = height;
    }
    gained += Math.max(bottom - top - height, 0);
    first = next;
  }
  return result;
}
