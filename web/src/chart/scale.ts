/** The y axis: round numbers in the unit that people read, not in the unit that is stored. */
import type { Column } from "../api";
import { SECONDS } from "../model/format";
import { roundStep } from "./bars";

const BINARY = [1, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4];
const DECIMAL = [1, 1e3, 1e6, 1e9, 1e12];
const UNITS: Record<string, readonly number[]> = {
  BYTES: BINARY,
  THROUGHPUT_BYTES_PER_NS: BINARY.map((unit) => unit / 1e9),
  THROUGHPUT_PER_NS: DECIMAL.map((unit) => unit / 1e9),
  DURATION_NS: [1, 1e3, 1e6, 1e9, 60e9, 3600e9],
  PERCENT: [0.01],
};

/** The stored size of one of what a value of this size is read in: 1024 for "3 KB". */
export function unitOf(high: number, column: Column): number {
  const units = UNITS[column.semanticType] ?? (SECONDS.test(column.name) ? [1e-9, 1e-6, 1e-3, 1, 60, 3600] : [1]);
  return units.filter((unit) => unit <= high).pop() ?? (units[0] as number);
}

const TOPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The top of the axis: a round number a little above the greatest value, so that it stays for a while. */
export function axisTop(high: number, column: Column): number {
  const unit = unitOf(high, column);
  if (!(high > 0)) return unit;
  const power = 10 ** Math.floor(Math.log10(high / unit));
  return (TOPS.find((top) => top * power * unit >= high * 1.02) ?? 12) * power * unit;
}

/** Ticks from the lower end to the top. */
export function axisTicks(low: number, high: number, column: Column, count: number): number[] {
  const unit = unitOf(Math.max(Math.abs(low), Math.abs(high)), column);
  const step = roundStep((high - low) / unit / Math.max(count, 1)) * unit;
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high * (1 + 1e-9) && ticks.length < 50; index += 1) ticks.push(index * step + 0);
  return ticks;
}
