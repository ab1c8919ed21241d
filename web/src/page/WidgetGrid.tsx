/** All widgets of a result on the grid; one alone when the address says so. */
import { useMemo } from "react";
import type { RunResult } from "../api";
import { sharedRange } from "../chart/series";
import { usePage } from "../model/context";
import { place as arrange, readingOrder } from "./grid";
import { kindOf, Widget } from "./Widget";

export function WidgetGrid({ result, faded }: { result: RunResult; faded: boolean }) {
  const { place } = usePage();
  const only = result.widgets.find((widget) => widget.name === place.view.widget);
  const widgets = useMemo(() => (only ? [only] : result.widgets), [only, result.widgets]);
  const positions = useMemo(() => arrange(widgets.map((widget) => widget.position)), [widgets]);
  const range = useMemo(() => sharedRange(result.widgets.filter((widget) => kindOf(widget) === "TimeseriesChart").map((widget) => result.tables.find((table) => table.name === widget.table))), [result]);
  return (
    <div className={`grid${faded ? " faded" : ""}${only ? " alone" : ""}`} data-testid="widgets">
      {readingOrder(positions).map((index) => {
        const widget = widgets[index];
        const at = positions[index];
        if (!widget || !at) return null;
        const style = only ? { gridColumn: "1 / -1" } : { gridColumn: `${at.x + 1} / span ${at.w}`, gridRow: `${at.y + 1} / span ${at.h}`, "--h": at.h };
        return <div key={`${result.script}/${widget.name}`} className="cell" style={style as React.CSSProperties}><Widget widget={widget} result={result} range={range} alone={only !== undefined} /></div>;
      })}
    </div>
  );
}
