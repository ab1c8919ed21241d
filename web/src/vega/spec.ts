/** A chart's spec with the result's tables as its data sets. */
import type { Cell, ResultTable } from "../api";
import { timeMs, toNumber } from "../model/format";

type Json = Record<string, unknown>;

/** The spec as an object; throws with a sentence. */
export function parseSpec(spec: unknown): Json {
  const parsed: unknown = typeof spec === "string" ? JSON.parse(spec) : spec;
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("the vis spec's field “spec” is no JSON object");
  return parsed as Json;
}

/** Rows as objects; times in milliseconds, as charts count. */
export function records(table: ResultTable): Json[] {
  return table.rows.map((row) => Object.fromEntries(table.columns.map((column, index) => [column.name, value(row[index] ?? null, column.type)])));
}

function value(cell: Cell, type: string): Cell {
  if (type === "TIME64NS") return timeMs(cell);
  return type === "INT64" || type === "FLOAT64" ? toNumber(cell) : cell;
}

export interface SizedSpec {
  spec: Json;
  lite: boolean;
  /** Data sets of the spec that are tables of the result. */
  names: ReadonlySet<string>;
}

/** The spec with its size, and with empty data sets named after the tables; a spec without data takes the widget's table. */
export function withData(spec: Json, tables: readonly ResultTable[], table: ResultTable, width: number, height: number): SizedSpec {
  const lite = !(typeof spec.$schema === "string" ? /\/vega\/v\d/.test(spec.$schema) : Array.isArray(spec.marks));
  if (lite) {
    const data = typeof spec.data === "object" && spec.data !== null ? (spec.data as Json) : { name: table.name };
    const name = typeof data.name === "string" ? data.name : null;
    const isTable = name !== null && tables.some((each) => each.name === name);
    const several = ["hconcat", "vconcat", "concat", "facet", "repeat"].some((key) => key in spec);
    return { spec: { ...(several ? {} : { width, height, autosize: { type: "fit", contains: "padding" } }), ...spec, data: isTable ? { name, values: [] } : data }, lite, names: new Set(isTable ? [name] : []) };
  }
  const given = Array.isArray(spec.data) ? (spec.data as Json[]) : [];
  const names = new Set(given.flatMap((each) => (typeof each.name === "string" && each.source === undefined && tables.some((known) => known.name === each.name) ? [each.name] : [])));
  const data = given.map((each) => { const { url: _, ...rest } = each; return names.has(String(each.name)) ? rest : each; });
  return { spec: { width, height, autosize: "fit", ...spec, data }, lite, names };
}
