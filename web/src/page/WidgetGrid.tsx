/** All widgets of a result on the grid; one alone when the address says so. */
import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from "react";
import type { Position, RunResult, WidgetSpec } from "../api";
import { sharedRange } from "../chart/series";
import { usePage } from "../model/context";
import { COLUMNS, kindOf, place as arrange, readingOrder } from "./grid";
import { drag } from "../graph/useViewport";
import { compacted, everythingEmpty, graphHeight, neededHeight, tableHeight } from "./heights";
import { moved } from "./move";
import { Empty } from "./Empty";
import { Widget } from "./Widget";

/** On narrow screens a table of three rows is not taller than three rows, nor a graph of three nodes. */
function contentHeight(widget: WidgetSpec, result: RunResult): Record<string, number> {
  const rows = result.tables.find((each) => each.name === widget.table)?.rows.length ?? 0;
  const graphRows = graphHeight(widget, result);
  if (graphRows > 0) return { "--content": Math.max(graphRows, 2) * 110 };
  return kindOf(widget) === "Table" && rows > 0 ? { "--content": tableHeight(rows) } : {};
}

export function WidgetGrid({ result, faded, dense = false, onMove }: { result: RunResult; faded: boolean; /** Rows as high as their content needs: the start page. */ dense?: boolean; /** Takes new positions while widgets may be moved. */ onMove?: ((positions: Position[]) => void) | undefined }) {
  const { place } = usePage();
  const only = result.widgets.find((widget) => widget.name === place.view.widget);
  const widgets = useMemo(() => (only ? [only] : result.widgets), [only, result.widgets]);
  const settled = useMemo(() => arrange(widgets.map((widget) => ({ ...widget.position, h: dense ? widget.position.h : Math.max(widget.position.h, graphHeight(widget, result)) }))), [widgets, result, dense]);
  const tallest = useTallest(result.script);
  const compact = dense || onMove || only ? settled : compacted(settled, widgets.map((widget, index) => tallest(widget.name, neededHeight(widget, settled[index] as Position, result))));
  const grid = useRef<HTMLDivElement>(null);
  const [draft, setDraft] = useState<Position[] | null>(null);
  const positions = draft !== null && draft.length === settled.length ? draft : compact;
  const change = (index: number, by: Parameters<typeof moved>[2]) => { onMove?.(moved(settled, index, by)); };
  const startMove = (event: PointerEvent, index: number, size: boolean) => {
    const unit = unitOf(grid.current, settled);
    if (!onMove || !unit || event.button !== 0) return;
    event.preventDefault();
    const from = { x: event.clientX, y: event.clientY };
    let next: Position[] | null = null;
    drag((now) => {
      const [x, y] = [Math.round((now.clientX - from.x) / unit.width), Math.round((now.clientY - from.y) / unit.height)];
      next = moved(settled, index, size ? { w: x, h: y } : { x, y });
      setDraft(next);
    }, () => {
      setDraft(null);
      if (next) onMove(next);
    });
  };
  const range = useMemo(() => sharedRange(result.widgets.filter((widget) => kindOf(widget) === "TimeseriesChart").map((widget) => result.tables.find((table) => table.name === widget.table))), [result]);
  return (<>
    {everythingEmpty(result) && <Empty table={null} result={result} />}
    <div className={`grid${faded ? " faded" : ""}${only ? " alone" : ""}${dense ? " dense" : ""}${onMove ? " moving" : ""}${everythingEmpty(result) && !only ? " nothing" : ""}`} data-testid="widgets" ref={grid}>
      {readingOrder(positions).map((index) => {
        const widget = widgets[index];
        const at = positions[index];
        if (!widget || !at) return null;
        const style = only ? { gridColumn: "1 / -1" } : { gridColumn: `${at.x + 1} / span ${at.w}`, gridRow: `${at.y + 1} / span ${at.h}`, "--h": at.h, ...contentHeight(widget, result) };
        return <div key={`${result.script}/${widget.name}`} className={at.h === 1 ? "cell short" : "cell"} style={style as React.CSSProperties}>
          <Widget widget={widget} result={result} range={range} alone={only !== undefined} />
          {onMove && !only && <Mover name={widget.name} onStart={(event, size) => { startMove(event, index, size); }} onStep={(by) => { change(index, by); }} />}
        </div>;
      })}
    </div>
  </>);
}

/** The most that each widget of a script has needed so far: a page whose tables gain and lose rows must not jump. */
function useTallest(script: string): (widget: string, needed: number) => number {
  const known = useRef<{ script: string; heights: Map<string, number> }>({ script, heights: new Map() });
  return (widget, needed) => {
    if (known.current.script !== script) known.current = { script, heights: new Map() };
    const height = Math.max(known.current.heights.get(widget) ?? 0, needed);
    known.current.heights.set(widget, height);
    return height;
  };
}

/** The size of one column and one row with their gaps, in pixels, measured at a widget that stands. */
function unitOf(grid: HTMLDivElement | null, positions: readonly Position[]): { width: number; height: number } | null {
  const cell = grid?.querySelector<HTMLElement>(".cell");
  const index = readingOrder(positions)[0];
  const at = index === undefined ? undefined : positions[index];
  if (!grid || !cell || !at) return null;
  const gap = parseFloat(getComputedStyle(grid).rowGap) || 0;
  return { width: (grid.clientWidth + gap) / COLUMNS, height: (cell.offsetHeight + gap) / at.h };
}

const STEPS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What is taken hold of; with the keyboard, arrows move and shift with arrows sizes. */
function Mover({ name, onStart, onStep }: { name: string; onStart: (event: PointerEvent, size: boolean) => void; onStep: (by: { x?: number; y?: number; w?: number; h?: number }) => void }) {
  const onKey = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    onStep(event.shiftKey ? { ...(step[0] === 0 ? { h: step[1] } : { w: step[0] }) } : { x: step[0], y: step[1] });
  };
  return (
    <div className="mover" role="button" tabIndex={0} aria-label={`move ${name}: arrows move, shift and arrows size`} data-testid={`move-${name}`} onPointerDown={(event) => { onStart(event, false); }} onKeyDown={onKey}>
      <span className="mover-corner" data-testid={`size-${name}`} onPointerDown={(event) => { event.stopPropagation(); onStart(event, true); }} />
    </div>
  );
}
