/** The kinds of display that a vis spec may name, each with what draws it. A kind that is not here is shown as the table it is. */
import { type ReactNode, Suspense } from "react";
import type { DisplaySpec, ResultTable } from "../api";
import { barData, type Bars, histogramData, isHorizontal } from "../chart/bars";
import { BarView } from "../chart/BarView";
import { ColumnView } from "../chart/ColumnView";
import { PieView } from "../chart/PieView";
import { GaugeView, StatView } from "../chart/SingleValue";
import { TimeChart } from "../chart/TimeChart";
import { FlameGraph } from "../flame/FlameGraph";
import { GraphWidget } from "../graph/GraphWidget";
import { lazyPart } from "./lazyPart";

const VegaChart = lazyPart(() => import("../vega/VegaChart"));

interface Shown {
  name: string;
  spec: DisplaySpec;
  table: ResultTable;
  /** All tables of the run, for specs that name several. */
  tables: readonly ResultTable[];
  range: [number, number] | null;
}

type Display = (shown: Shown) => ReactNode;

const graph: Display = ({ table, spec, name }) => <GraphWidget table={table} spec={spec} name={name} />;

const DISPLAYS = new Map<string, Display>(Object.entries({
  Graph: graph,
  RequestGraph: graph,
  TimeseriesChart: ({ table, spec, name, range }) => <TimeChart table={table} spec={spec} name={name} range={range} />,
  BarChart: ({ table, spec, name }) => <BarsOr data={barData(table, spec)} draw={(data) => (isHorizontal(spec) ? <BarView data={data} name={name} /> : <ColumnView data={data} name={name} label={axisLabel(spec, "xAxis")} />)} />,
  PieChart: ({ table, spec, name }) => <BarsOr data={barData(table, spec)} draw={(data) => <PieView data={data} name={name} />} />,
  HistogramChart: ({ table, spec, name }) => <BarsOr data={histogramData(table, spec)} draw={(data) => <ColumnView data={data} name={name} label={axisLabel(spec, "xAxis")} />} />,
  StatChart: ({ table, spec, name }) => <StatView table={table} spec={spec} name={name} />,
  GaugeChart: ({ table, spec, name }) => <GaugeView table={table} spec={spec} name={name} />,
  StackTraceFlameGraph: ({ table, spec, name }) => <FlameGraph table={table} spec={spec} name={name} />,
  VegaChart: ({ table, tables, spec, name }) => <Suspense fallback={<p className="none muted">loading the chart…</p>}><VegaChart tables={tables} table={table} spec={spec} name={name} /></Suspense>,
  TextChart: ({ spec }) => <p className="text-chart">{typeof spec.body === "string" ? spec.body : ""}</p>,
} satisfies Record<string, Display>)); // prettier-ignore

/** What draws a kind; `null` for a table. */
export const displayOf = (kind: string): Display | null => DISPLAYS.get(kind) ?? null;

function axisLabel(spec: DisplaySpec, axis: string): string {
  const label = (spec[axis] as { label?: unknown } | null | undefined)?.label;
  return typeof label === "string" ? label : "";
}

function BarsOr({ data, draw }: { data: Bars | string; draw: (data: Bars) => ReactNode }) {
  return typeof data === "string" ? <p className="none">The chart cannot be drawn: {data}. The data drawer (d) has the rows.</p> : draw(data);
}
