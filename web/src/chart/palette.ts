/** Eight series colours that colour-blind people can tell apart (after Okabe and Ito), one set for each theme; then dashes. */
import type { Theme } from "../model/theme";

const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#b3479b", "#8a6d00", "#3aa0d8", "#5b3fa8", "#555f6b"];
const DARK = ["#56b4e9", "#f08a4b", "#2ec49a", "#e08fca", "#e6c229", "#8fd0f5", "#a78bfa", "#b6bfca"];
const DASHES: number[][] = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]];

export function seriesColor(index: number, theme: Theme): string {
  const colors = theme === "dark" ? DARK : LIGHT;
  return colors[index % colors.length] as string;
}

/** A dash pattern tells the ninth series from the first. */
export function seriesDash(index: number): number[] {
  return DASHES[Math.floor(index / 8) % DASHES.length] as number[];
}
