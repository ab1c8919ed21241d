/** Tables of scripts by the columns that they have: a page that shows several scripts must live with one that is absent or older. */
import type { Cell, Column, ResultTable, RunResult } from "../api";

/** The first table that has all these columns. */
export function tableWith(result: RunResult | null, ...columns: string[]): ResultTable | null {
  return result?.tables.find((table) => columns.every((name) => table.columns.some((column) => column.name === name))) ?? null;
}

/** Reads a row by column names; an absent column is unknown. */
export function reader(table: ResultTable): (row: readonly Cell[], name: string) => Cell {
  const at = new Map(table.columns.map((column, index) => [column.name, index]));
  return (row, name) => row[at.get(name) ?? -1] ?? null;
}

/** The table with these columns only, in this order, as far as it has them. */
export function pick(table: ResultTable, name: string, columns: readonly string[]): ResultTable {
  const kept = columns.map((each) => table.columns.findIndex((column) => column.name === each)).filter((at) => at >= 0);
  return { ...table, name, columns: kept.map((at) => table.columns[at] as Column), rows: table.rows.map((row) => kept.map((at) => row[at] ?? null)) };
}

/** The result with only the rows whose `column` has one of these values, in the tables that have such a column. */
export function keepRows(result: RunResult, column: string, values: ReadonlySet<Cell>): RunResult {
  const kept = (table: ResultTable): ResultTable => {
    const at = table.columns.findIndex((each) => each.name === column);
    if (at < 0) return table;
    const rows = table.rows.filter((row) => values.has(row[at] ?? null));
    return { ...table, rows, numRows: rows.length };
  };
  return { ...result, tables: result.tables.map(kept) };
}
