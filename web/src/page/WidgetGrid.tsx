/** All widgets of a result on the grid; one alone when the address says so. */
import { useMemo } from "react";
import type { RunResult, WidgetSpec } from "../api";
import { sharedRange } from "../chart/series";
import { graphModel, graphSpec } from "../graph/model";
import { usePage } from "../model/context";
import { place as arrange, readingOrder } from "./grid";
import { Empty } from "./Empty";
import { everythingEmpty, kindOf, Widget } from "./Widget";

const MAX_GRAPH_ROWS = 6;

/** Rows that a graph needs to be read: small graphs keep what the vis spec gives them. */
function graphHeight(widget: WidgetSpec, result: RunResult): number {
  const table = result.tables.find((each) => each.name === widget.table);
  const spec = table && kindOf(widget).endsWith("Graph") ? graphSpec(widget.displaySpec, table.columns) : null;
  if (!table || !spec) return 0;
  const model = graphModel(table, spec, new Set(), false);
  const [from, to] = [new Set(model.edges.map((edge) => edge.from)), new Set(model.edges.map((edge) => edge.to))];
  const both = [...from].filter((id) => to.has(id)).length;
  const tallest = Math.max(from.size - both, both, to.size - both);
  return Math.min(Math.ceil((tallest * 32 + 50) / 110), MAX_GRAPH_ROWS);
}

/** On narrow screens a table of three rows is not taller than three rows. */
function contentHeight(widget: WidgetSpec, result: RunResult): Record<string, number> {
  const rows = result.tables.find((each) => each.name === widget.table)?.rows.length ?? 0;
  return kindOf(widget) === "Table" && rows > 0 ? { "--content": 34 + 32 + rows * 28 + 16 } : {};
}

export function WidgetGrid({ result, faded, dense = false }: { result: RunResult; faded: boolean; /** Rows as high as their content needs: the start page. */ dense?: boolean }) {
  const { place } = usePage();
  const only = result.widgets.find((widget) => widget.name === place.view.widget);
  const widgets = useMemo(() => (only ? [only] : result.widgets), [only, result.widgets]);
  const positions = useMemo(() => arrange(widgets.map((widget) => ({ ...widget.position, h: dense ? widget.position.h : Math.max(widget.position.h, graphHeight(widget, result)) }))), [widgets, result, dense]);
  const range = useMemo(() => sharedRange(result.widgets.filter((widget) => kindOf(widget) === "TimeseriesChart").map((widget) => result.tables.find((table) => table.name === widget.table))), [result]);
  return (<>
    {everythingEmpty(result) && <Empty table={null} result={result} />}
    <div className={`grid${faded ? " faded" : ""}${only ? " alone" : ""}${dense ? " dense" : ""}`} data-testid="widgets">
      {readingOrder(positions).map((index) => {
        const widget = widgets[index];
        const at = positions[index];
        if (!widget || !at) return null;
        const style = only ? { gridColumn: "1 / -1" } : { gridColumn: `${at.x + 1} / span ${at.w}`, gridRow: `${at.y + 1} / span ${at.h}`, "--h": at.h, ...contentHeight(widget, result) };
        return <div key={`${result.script}/${widget.name}`} className="cell" style={style as React.CSSProperties}><Widget widget={widget} result={result} range={range} alone={only !== undefined} /></div>;
      })}
    </div>
  </>);
}
