/** Where time goes: frames as wide as their samples, callers above what they call. A click fills the width with a frame. */
import { useMemo, useState } from "react";
import type { DisplaySpec, ResultTable } from "../api";
import { grouped, percent, visible } from "../model/format";
import { type Frame, flameTree, place } from "./model";

const ROW = 19;

/** The names from the root to a frame: how a frame is found again in a newer result. */
function pathOf(frame: Frame): string[] {
  const names: string[] = [];
  for (let here: Frame | null = frame; here?.parent; here = here.parent) names.unshift(here.name);
  return names;
}

function find(root: Frame, path: readonly string[]): Frame {
  let here = root;
  for (const name of path) {
    const next = here.children.find((child) => child.name === name);
    if (!next) break;
    here = next;
  }
  return here;
}

export function FlameGraph({ table, spec, name }: { table: ResultTable; spec: DisplaySpec; name: string }) {
  const tree = useMemo(() => flameTree(table, spec), [table, spec]);
  const [path, setPath] = useState<string[]>([]);
  const [query, setQuery] = useState("");
  const [pointed, setPointed] = useState<Frame | null>(null);
  if (typeof tree === "string") return <p className="none">The flame graph cannot be drawn: {tree}. The data drawer (d) has the rows.</p>;
  const focus = find(tree, path);
  const placed = place(focus);
  const rows = Math.max(...placed.map((each) => each.row)) + 1;
  const wanted = query.trim().toLowerCase();
  const unit = typeof spec.percentageLabel === "string" ? ` ${spec.percentageLabel}` : "";
  const about = pointed ?? focus;
  return (
    <div className="flame" data-testid={`flame-${name}`}>
      <p className="flame-head">
        <input type="search" placeholder="find frames" aria-label="find frames" value={query} onChange={(event) => { setQuery(event.target.value); }} />
        <bdi className="flame-about">{visible(about.name)}</bdi> <span className="muted">{grouped(about.count)} samples, {percent(about.count / tree.count)}{unit}</span>
        {focus !== tree && <button type="button" className="link" onClick={() => { setPath([]); }}>show all</button>}
      </p>
      <div className="flame-frames" style={{ height: rows * ROW }}>
        {placed.map(({ frame, x, width, row }) => {
          const hit = wanted !== "" && frame.name.toLowerCase().includes(wanted);
          return (
            <button
              key={pathOf(frame).join("\u0000")} type="button" className={`frame ${frame.kind}${hit ? " hit" : ""}${wanted !== "" && !hit ? " dim" : ""}`} data-testid="frame" title={`${visible(frame.name)}: ${grouped(frame.count)} samples, ${percent(frame.count / tree.count)}`}
              style={{ left: `${x * 100}%`, width: `${width * 100}%`, top: row * ROW, height: ROW - 1 }} onClick={() => { setPath(pathOf(frame)); }} onPointerEnter={() => { setPointed(frame); }} onPointerLeave={() => { setPointed(null); }}
            >{visible(frame.name)}</button>
          );
        })}
      </div>
    </div>
  );
}
