/** Numbers, times and sizes as people read them, by PxL type and semantic type. */
import type { Cell, Column } from "../api";
import { parts } from "./zone";

export const UNKNOWN = "–";

const HALF_DAY_MS = 43_200_000;

/** A number out of a cell; decimal strings hold what a JSON number cannot. */
export function toNumber(value: Cell | undefined): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" && value !== "") {
    if (value === "NaN") return NaN;
    const number = Number(value);
    return Number.isNaN(number) ? null : number;
  }
  return null;
}

/** At most three significant digits, without trailing zeros. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1000) return grouped(Math.round(value));
  if (magnitude < 1e-4) return value.toExponential(1);
  return String(Number(value.toPrecision(digits)));
}

export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let magnitude = Math.abs(value);
  let unit = 0;
  while (magnitude >= base && unit < units.length - 1) {
    magnitude /= base;
    unit += 1;
  }
  // 1023.7 rounds to 1024, which is the next unit's 1.
  if (Math.round(magnitude) >= base && unit < units.length - 1) {
    magnitude /= base;
    unit += 1;
  }
  return `${value < 0 ? "−" : ""}${significant(magnitude)} ${units[unit] ?? ""}`;
}

export const bytes = (value: number): string => (Number.isFinite(value) ? scaled(value, 1024, ["B", "KB", "MB", "GB", "TB", "PB"]) : significant(value));

export const bytesPerSecond = (value: number): string =>
  Number.isFinite(value) ? scaled(value, 1024, ["B/s", "KB/s", "MB/s", "GB/s", "TB/s"]) : significant(value);

export const perSecond = (value: number): string =>
  Number.isFinite(value) ? scaled(value, 1000, ["/s", "K/s", "M/s", "B/s"]).replace(" /s", "/s") : significant(value);

/** A duration given in nanoseconds. */
export function duration(ns: number): string {
  if (!Number.isFinite(ns)) return significant(ns);
  if (ns === 0) return "0 s";
  const sign = ns < 0 ? "−" : "";
  const value = Math.abs(ns);
  if (value < 999.5) return `${sign}${significant(value)} ns`;
  if (value < 999.5e3) return `${sign}${significant(value / 1e3)} µs`;
  if (value < 999.5e6) return `${sign}${significant(value / 1e6)} ms`;
  if (value < 59.95e9) return `${sign}${significant(value / 1e9)} s`;
  const seconds = Math.round(value / 1e9);
  const [d, h, m, s] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const parts: [number, string][] = d > 0 ? [[d, "d"], [h, "h"]] : h > 0 ? [[h, "h"], [m, "min"]] : [[m, "min"], [s, "s"]];
  return sign + parts.filter(([amount], index) => index === 0 || amount > 0).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

/** What is less than all is never 100 %: rounding up would hide a loss. */
export const percent = (value: number): string => (!Number.isFinite(value) ? significant(value) : value < 1 && value >= 0.9995 ? "99.9 %" : `${significant(value * 100)} %`);

/** Date and time of a time in nanoseconds in the chosen zone, to the millisecond. */
export function absoluteTime(ns: Cell): string {
  const ms = timeMs(ns);
  if (ms === null) return UNKNOWN;
  const { year, month, day, hour, minute, second } = parts(ms);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}.${String(((ms % 1000) + 1000) % 1000).padStart(3, "0")}`;
}

/** Of a time of the last or next half day its time of day, which is all that differs between the rows of a table; of others also the date. */
export function dayTime(ns: Cell, now: number): string {
  const ms = timeMs(ns);
  const text = absoluteTime(ns);
  return ms !== null && Math.abs(now - ms) < HALF_DAY_MS ? text.slice(-12) : text;
}

/** Milliseconds since the epoch of a TIME64NS cell, with the sub-millisecond part dropped. */
export function timeMs(ns: Cell | undefined): number | null {
  if (ns === null || ns === undefined || ns === "" || typeof ns === "boolean") return null;
  // Nanoseconds of today do not fit a double: 41.250 s would become 41.249 s.
  if (typeof ns === "string" && /^-?\d+$/.test(ns)) return Number(BigInt(ns) / 1_000_000n);
  const number = Number(ns);
  return Number.isFinite(number) ? Math.floor(number / 1e6) : null;
}

/** "12 s ago", with `now` in milliseconds. */
export function ago(ms: number, now: number): string {
  const seconds = Math.round((now - ms) / 1000);
  if (seconds < 0) return `in ${duration(-seconds * 1e9)}`;
  if (seconds < 1) return "now";
  return `${duration(seconds * 1e9)} ago`;
}

const BY_SEMANTIC_TYPE: Record<string, (value: number) => string> = {
  BYTES: bytes,
  DURATION_NS: duration,
  PERCENT: percent,
  THROUGHPUT_PER_NS: (value) => perSecond(value * 1e9),
  THROUGHPUT_BYTES_PER_NS: (value) => bytesPerSecond(value * 1e9),
  PORT: String,
  HTTP_RESP_STATUS: String,
};

/** Columns of plain numbers whose names say that they are seconds. */
export const SECONDS = /(^|_)seconds$|^time_to_drain$/;

/** How a number of a column is written; `null` when the column does not hold numbers. */
export function numberFormat(column: Column): ((value: number) => string) | null {
  const special = BY_SEMANTIC_TYPE[column.semanticType];
  if (special) return special;
  if (SECONDS.test(column.name) && (column.type === "INT64" || column.type === "FLOAT64")) return (value) => duration(value * 1e9);
  if (column.type === "INT64") return grouped;
  if (column.type === "FLOAT64") return (value) => significant(value);
  return null;
}

/** A cell as text. Structured cells (quantiles, status, links) have their own renderers; here they are their raw text. */
export function formatCell(value: Cell, column: Column): string {
  if (value === null) return UNKNOWN;
  if (column.type === "TIME64NS") return absoluteTime(value);
  if (column.type === "BOOLEAN") return String(value);
  if (column.type === "INT64" || column.type === "FLOAT64") {
    if (typeof value === "string" && column.type === "INT64" && !BY_SEMANTIC_TYPE[column.semanticType]) return groupedText(value);
    const number = toNumber(value);
    const format = numberFormat(column);
    return number === null || format === null ? String(value) : format(number);
  }
  return String(value);
}

/** Thousands separators in an integer too great for a JSON number. */
export function groupedText(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** The exact value, for hovering. */
export function exact(value: Cell, column: Column): string {
  if (value === null) return "not known";
  if (column.type === "TIME64NS") return `${absoluteTime(value)} (${String(value)} ns)`;
  const unit: Record<string, string> = { BYTES: " bytes", DURATION_NS: " ns", THROUGHPUT_PER_NS: " per ns", THROUGHPUT_BYTES_PER_NS: " bytes per ns" };
  return `${String(value)}${unit[column.semanticType] ?? ""}`;
}

/** A long name with its middle left out. Counts code points, so that no emoji is cut in half. */
export function middle(text: string, limit: number): string {
  const points = Array.from(text);
  if (points.length <= limit) return text;
  const head = Math.ceil((limit - 1) / 2);
  return `${points.slice(0, head).join("")}…${points.slice(points.length - (limit - 1 - head)).join("")}`;
}

/** Control and direction-changing characters made visible, so that a name cannot reorder the text around it. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
