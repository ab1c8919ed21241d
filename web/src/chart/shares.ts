/** Bars as shares of their sum. */
import { formatCell } from "../model/format";
import type { Bars } from "./bars";

export interface Slice {
  label: string;
  text: string;
  share: number;
  /** The share of all slices before it. */
  before: number;
  /** Several small ones together. */
  rest: boolean;
}

const MOST = 8;

/** The greatest first; what comes after the eighth is one slice. Negative values have no share. */
export function slices({ bars, column, leftOutSum }: Bars): Slice[] {
  const kept = bars.filter((bar) => bar.value > 0);
  const total = kept.reduce((sum, bar) => sum + bar.value, 0) + leftOutSum;
  if (total <= 0) return [];
  const shown = kept.length > MOST ? kept.slice(0, MOST - 1) : kept;
  const others = total - shown.reduce((sum, bar) => sum + bar.value, 0);
  let before = 0;
  const next = (label: string, value: number, rest: boolean): Slice => {
    const slice = { label, text: formatCell(value, column), share: value / total, before, rest };
    before += slice.share;
    return slice;
  };
  const list = shown.map((bar) => next(bar.label, bar.value, false));
  return others > total * 1e-9 ? [...list, next(`${kept.length - shown.length} others`, others, true)] : list;
}
