/** Column widths from what is in the columns; they stay while the columns stay, so that nothing jumps, and grow for what would be cut. */
import type { Column, ResultTable } from "../api";
import { dayTime, formatCell, significant } from "../model/format";
import { textWidth } from "../model/measure";
import { mayJudge, verdict } from "../model/verdict";
import { isQuantiles, isReference, isStatus, nestedJson, scriptReference } from "../model/values";

const PADDING = 26;
const SAMPLE = 100;
/** A verdict gets longer as things get worse: its column has the room from the start. */
const LONGEST_VERDICT = "● falling behind";

export function columnWidth(table: ResultTable, index: number): number {
  const column = table.columns[index] as Column;
  const header = textWidth(column.name) + PADDING + 14;
  if (isQuantiles(column)) return Math.max(header, 300);
  if (column.type === "TIME64NS") return Math.max(header, textWidth(table.rows.slice(0, SAMPLE).every((row) => dayTime(row[index] ?? null, Date.now()).length <= 12) ? "20:00:00.000" : "2026-12-30 20:00:00.000") + PADDING);
  let longest = "";
  for (const row of table.rows.slice(0, SAMPLE)) {
    const value = row[index] ?? null;
    const text = isReference(column) ? (scriptReference(value)?.label ?? "") : isStatus(column) ? "Terminated" : mayJudge(column) && verdict(value) ? LONGEST_VERDICT : column.name === "trend" && value !== null ? `▲ ${significant(Number(value), 2)}/s` : formatCell(value, column);
    if (text.length > longest.length) longest = text;
    if (longest.length > 60 && nestedJson(value) !== undefined) return 360;
  }
  return Math.round(Math.min(Math.max(header, textWidth(longest) + PADDING + (isStatus(column) ? 14 : 0), 64), 420));
}

/** Room beyond what is needed, so that a number that goes on growing does not move the columns each time. */
const SLACK = 16;

/** Widths for new rows: as before, wider where something would be cut. */
export const grown = (before: readonly number[], needed: readonly number[]): number[] => needed.map((width, index) => (width > (before[index] ?? 0) ? width + SLACK : (before[index] ?? width)));

/** Widths that fill what the table has, the surplus going to the texts. */
export function fill(widths: readonly number[], columns: readonly Column[], available: number): number[] {
  const total = widths.reduce((sum, width) => sum + width, 0);
  const surplus = available - total;
  if (surplus <= 0) return [...widths];
  const share = columns.map((column, index) => (column.type === "STRING" && !isStatus(column) ? (widths[index] ?? 0) * 3 : (widths[index] ?? 0)));
  const shares = share.reduce((sum, each) => sum + each, 0) || 1;
  return widths.map((width, index) => width + Math.floor((surplus * (share[index] ?? 0)) / shares));
}
