/** Bars of the same label on top of each other. */
import { formatCell } from "../model/format";
import type { Bar, Bars } from "./bars";

export interface Stack {
  label: string;
  parts: Bar[];
  total: number;
  text: string;
}

/** In the order of the bars; `most` is the greatest sum. */
export function stacks({ bars, column }: Bars): { rows: Stack[]; groups: string[]; most: number } {
  const groups = [...new Set(bars.map((bar) => bar.group))].sort();
  const byLabel = new Map<string, Bar[]>();
  for (const bar of bars) {
    const parts = byLabel.get(bar.label);
    if (parts) parts.push(bar);
    else byLabel.set(bar.label, [bar]);
  }
  const rows = [...byLabel].map(([label, parts]): Stack => {
    const total = parts.reduce((sum, part) => sum + part.value, 0);
    return { label, parts: parts.sort((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group)), total, text: formatCell(total, column) };
  });
  return { rows, groups, most: Math.max(...rows.map((row) => row.parts.reduce((sum, part) => sum + Math.abs(part.value), 0)), 0) };
}
