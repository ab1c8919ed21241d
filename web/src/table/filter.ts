/**
 * A filter as people type it: words that a row must hold, `column = value`, `latency > 100ms and api = Fetch`, `-word` for what it must not hold.
 * What cannot be understood is searched for as it stands, and said.
 */
import type { Cell, Column } from "../api";
import { toNumber } from "../model/format";
import { plainText } from "../model/values";

type Operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | ":";

export interface Term {
  /** -1 looks in all columns. */
  column: number;
  operator: Operator;
  text: string;
  /** The value as a number in the column's unit, where it is one. */
  number: number | null;
  negated: boolean;
}

export interface Filter {
  terms: Term[];
  /** What is wrong with it, in words. */
  problem: string | null;
}

const TOKEN = /([-!])?(?:([\w.]+)\s*(!=|>=|<=|=|>|<|:)\s*)?("[^"]*"?|[^\s]+)/g;
const UNITS = new Map<string, number>(Object.entries({
  ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, k: 1e3, "%": 0.01,
})); // prettier-ignore

/** A value with its unit, in the unit that the column stores: `100ms` is 1e8 for a duration, `2kb` 2048 for bytes. */
export function quantity(text: string, column: Column): number | null {
  const found = /^(-?[\d.]+)\s*([a-zµ%]*)(?:\/s)?$/i.exec(text);
  if (!found) return null;
  const value = Number(found[1]);
  const unit = (found[2] ?? "").toLowerCase();
  if (Number.isNaN(value)) return null;
  const perSecond = column.semanticType.startsWith("THROUGHPUT") ? 1e-9 : 1;
  if (unit === "") return column.semanticType === "PERCENT" ? value / 100 : value * perSecond;
  const factor = UNITS.get(unit);
  return factor === undefined ? null : value * factor * perSecond;
}

/** Columns have the name that is shown, or one that people know them by. A map, as all that is looked up by what somebody types or a client sends: an object has a `constructor` too. */
const ALIASES = new Map<string, readonly string[]>(Object.entries({ api: ["req_cmd", "api"], error: ["error_code", "error"], size: ["req_bytes"], version: ["api_version"], client: ["client_id", "client"], from: ["source"], to: ["destination"], group: ["group", "group_id"], topic: ["topic", "topic_name"] }));

function columnOf(name: string, columns: readonly Column[]): number {
  const wanted = name.toLowerCase();
  // `api` is a number in some tables and a name in others: the text is meant.
  for (const candidate of [...(ALIASES.get(wanted) ?? []), wanted]) {
    const at = columns.findIndex((column) => column.name.toLowerCase() === candidate);
    if (at >= 0) return at;
  }
  return -1;
}

export function parseFilter(query: string, columns: readonly Column[]): Filter {
  const terms: Term[] = [];
  let problem: string | null = null;
  for (const [whole, sign, name, operator, raw = ""] of query.matchAll(TOKEN)) {
    if (sign === undefined && name === undefined && /^(and|&&)$/i.test(raw)) continue;
    if (sign === undefined && name === undefined && /^(or|\|\|)$/i.test(raw)) problem = "“or” is not understood: words and conditions all have to hold";
    const text = raw.replace(/^"|"$/g, "");
    const negated = sign !== undefined;
    if (name === undefined || operator === undefined) {
      terms.push({ column: -1, operator: ":", text: text.toLowerCase(), number: null, negated });
      continue;
    }
    const at = columnOf(name, columns);
    const column = columns[at];
    if (!column && operator === ":") {
      // A time or an address, not a column's name.
      terms.push({ column: -1, operator, text: whole.slice(sign?.length ?? 0).toLowerCase(), number: null, negated });
      continue;
    }
    if (!column) {
      problem = `no column “${name}”: searched for in all of them`;
      terms.push({ column: -1, operator: ":", text: text.toLowerCase(), number: null, negated: negated || operator === "!=" });
      continue;
    }
    const number = quantity(text, column);
    if (/[<>]/.test(operator) && number === null) problem = `“${text}” is no number: expected one such as 100, 100ms or 2kb`;
    terms.push({ column: at, operator: operator as Operator, text: text.toLowerCase(), number, negated });
  }
  return { terms, problem };
}

function holds(term: Term, row: readonly Cell[], columns: readonly Column[], all: () => string): boolean {
  const column = columns[term.column];
  if (!column) return all().includes(term.text);
  const cell = row[term.column] ?? null;
  const text = plainText(cell, column).toLowerCase();
  const number = toNumber(cell);
  const same = term.number !== null && number !== null ? number === term.number : text === term.text;
  switch (term.operator) {
    case ":":
      return text.includes(term.text);
    case "=":
      return same;
    case "!=":
      return !same;
    default:
      // An unknown value is neither more nor less.
      if (number === null || term.number === null) return false;
      return term.operator === ">" ? number > term.number : term.operator === ">=" ? number >= term.number : term.operator === "<" ? number < term.number : number <= term.number;
  }
}

/** Indices of the rows for which all terms hold. */
export function filterRows(rows: readonly Cell[][], columns: readonly Column[], query: string): number[] {
  const { terms } = parseFilter(query, columns);
  if (terms.length === 0) return rows.map((_, index) => index);
  const kept: number[] = [];
  rows.forEach((row, index) => {
    let joined: string | null = null;
    const all = () => (joined ??= columns.map((column, at) => plainText(row[at] ?? null, column)).join("\n").toLowerCase());
    if (terms.every((term) => holds(term, row, columns, all) !== term.negated)) kept.push(index);
  });
  return kept;
}
