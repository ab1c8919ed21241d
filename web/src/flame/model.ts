/** Stacks with counts as a tree of frames. */
import type { DisplaySpec, ResultTable } from "../api";
import { toNumber } from "../model/format";

export interface Frame {
  name: string;
  /** Samples in this frame and in all that it called. */
  count: number;
  depth: number;
  children: Frame[];
  parent: Frame | null;
  kind: "group" | "kernel" | "java" | "code";
}

/** Frames with less than this share of their tree are too thin to be seen. */
const THINNEST = 1 / 2000;
const LEVELS = ["nodeColumn", "namespaceColumn", "podColumn", "containerColumn", "pidColumn"] as const;
const WORDS: Record<(typeof LEVELS)[number], string> = { nodeColumn: "node", namespaceColumn: "namespace", podColumn: "pod", containerColumn: "container", pidColumn: "process" };

/** The tree, or what keeps it from being built. Stacks are frames joined by semicolons, the outermost first. */
export function flameTree(table: ResultTable, spec: DisplaySpec): Frame | string {
  const at = (name: unknown) => (typeof name === "string" ? table.columns.findIndex((column) => column.name === name) : -1);
  const [stackAt, countAt] = [at(spec.stacktraceColumn), at(spec.countColumn)];
  if (stackAt < 0 || countAt < 0) return `the table has no columns ${String(spec.stacktraceColumn)} and ${String(spec.countColumn)}`;
  const levels = LEVELS.flatMap((level) => { const index = at(spec[level]); return index < 0 ? [] : [{ index, word: WORDS[level] }]; });
  const root: Frame = { name: "all", count: 0, depth: 0, children: [], parent: null, kind: "group" };
  const index = new Map<Frame, Map<string, Frame>>();
  const step = (from: Frame, name: string, kind: Frame["kind"], count: number): Frame => {
    const known = index.get(from) ?? new Map<string, Frame>();
    index.set(from, known);
    const found = known.get(name);
    if (found) {
      found.count += count;
      return found;
    }
    const made: Frame = { name, count, depth: from.depth + 1, children: [], parent: from, kind };
    known.set(name, made);
    from.children.push(made);
    return made;
  };
  for (const row of table.rows) {
    const count = toNumber(row[countAt]) ?? 0;
    if (!(count > 0)) continue;
    root.count += count;
    let here = root;
    for (const level of levels) here = step(here, `${level.word}: ${String(row[level.index] ?? "")}`, "group", count);
    for (const name of String(row[stackAt] ?? "").split(";")) if (name !== "") here = step(here, name, kindOf(name), count);
  }
  if (root.count === 0) return "no row has a count";
  sortByName(root);
  return root;
}

function sortByName(root: Frame): void {
  const open = [root];
  for (let frame = open.pop(); frame; frame = open.pop()) {
    frame.children.sort((a, b) => (a.name < b.name ? -1 : 1));
    open.push(...frame.children);
  }
}

function kindOf(name: string): Frame["kind"] {
  if (/^\[k\]|_\[k\]$|^entry_SYSCALL|^do_syscall/.test(name)) return "kernel";
  return /^\[j\]|(^|[./])(java|javax|jdk|kafka|org|com)[./]\w+/.test(name) ? "java" : "code";
}

export interface Placed {
  frame: Frame;
  /** Of the width, from 0 to 1. */
  x: number;
  width: number;
  row: number;
}

/** Where frames stand when `focus` fills the width: its callers above it, what it calls below. */
export function place(focus: Frame): Placed[] {
  const above: Placed[] = [];
  for (let frame: Frame | null = focus.parent; frame; frame = frame.parent) above.push({ frame, x: 0, width: 1, row: frame.depth });
  const placed = above.reverse();
  const open: Placed[] = [{ frame: focus, x: 0, width: 1, row: focus.depth }];
  for (let here = open.pop(); here; here = open.pop()) {
    placed.push(here);
    let { x } = here;
    for (const child of here.frame.children) {
      const width = (child.count / focus.count);
      if (width >= THINNEST) open.push({ frame: child, x, width, row: child.depth });
      x += width;
    }
  }
  return placed;
}
