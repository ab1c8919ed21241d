/** A time chart: one line or area per series, a cursor that all charts of the page share, values in the legend. */
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { DisplaySpec, ResultTable } from "../api";
import { isTime } from "../model/args";
import { usePage } from "../model/context";
import { duration, numberFormat, significant, visible } from "../model/format";
import { rangePlace } from "../model/location";
import { type Theme, useTheme } from "../model/theme";
import { zone } from "../model/zone";
import { seriesColor, seriesDash } from "./palette";
import { axisTicks, axisTop } from "./scale";
import { MarkLines, type PlotArea } from "./MarkLines";
import { type ChartData, chartData, isolated, stack } from "./series";

const SYNC = "page";
/** Characters at the end of a series' name that are never cut. */
const TAIL = 12;

export function TimeChart({ table, spec, name, range }: { table: ResultTable; spec: DisplaySpec; name: string; range: [number, number] | null }) {
  const data = useMemo(() => chartData(table, spec), [table, spec]);
  if (typeof data === "string") return <p className="none">The chart cannot be drawn: {data}. The data drawer (d) has the rows.</p>;
  return <Plot data={data} name={name} range={range} label={axisLabel(spec)} />;
}

/** As the column says; for a plain number the label may name the unit. */
function valueFormat(column: ChartData["column"], label: string): (value: number) => string {
  if (column.semanticType === "NONE" && /\(seconds\)/.test(label)) return (value) => (value !== 0 && Math.abs(value) < 1 ? duration(value * 1e9) : `${significant(value)} s`);
  return numberFormat(column) ?? ((value: number) => significant(value));
}

function axisLabel(spec: DisplaySpec): string {
  const axis = spec.yAxis as { label?: string } | null | undefined;
  return typeof axis?.label === "string" ? axis.label : "";
}

interface Brush {
  choose: (from: number, to: number) => void;
  back: () => void;
}

/** What is drawn over becomes the page's time, where the script has one; a double click goes back. */
function useBrush(): Brush | null {
  const { place, go, scripts } = usePage();
  const variable = place.script === null ? "start_time" : scripts.find((script) => script.name === place.script)?.variables.find(isTime)?.name;
  if (variable === undefined) return null;
  return {
    choose: (from, to) => { go(rangePlace(place, variable, from, to)); },
    back: () => { if (place.view.until !== undefined) history.back(); },
  };
}

interface PlotProps {
  data: ChartData;
  name: string;
  range: [number, number] | null;
  label: string;
}

function Plot({ data, name, range, label }: PlotProps) {
  const theme = useTheme();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [area, setArea] = useState<PlotArea | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [pointed, setPointed] = useState<string | null>(null);
  const format = useMemo(() => valueFormat(data.column, label), [data.column, label]);
  const names = data.series.map((series) => series.name);
  const shape = JSON.stringify([zone(), theme, names, data.mode, data.stacked, data.column, label]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- by size when the series first came: later order would jump
  const bySize = useMemo(() => [...data.series.keys()].sort((a, b) => (data.series[b]?.mean ?? 0) - (data.series[a]?.mean ?? 0)), [shape]);
  // Stacked series are drawn from the top sum down, so that each area covers only its own part.
  const drawn = useMemo(() => (data.stacked ? [...bySize].reverse() : [...bySize].sort((a, b) => a - b)), [bySize, data.stacked]);
  const values = useMemo(() => aligned(data, bySize), [data, bySize]);
  const brush = useBrush();
  const latest = useRef({ values, range, brush });
  useEffect(() => { latest.current = { values, range, brush }; });

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const size = () => ({ width: element.clientWidth, height: Math.max(element.clientHeight, 80) });
    const drawnAt = (next: PlotArea) => { setArea((old) => (JSON.stringify(old) === JSON.stringify(next) ? old : next)); };
    const made = new uPlot({ ...options(data, drawn, theme, format, label, { setAt, drawnAt }, () => latest.current), ...size() }, latest.current.values, element);
    plot.current = made;
    const observer = new ResizeObserver(() => { made.setSize(size()); });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the shape holds what a plot is made from; new values are set below
  }, [shape]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    // Zoomed charts keep what the user looks at; the others follow the clock.
    const zoomed = (made as { zoomed?: boolean }).zoomed === true;
    made.setData(values, !zoomed);
    if (zoomed) made.redraw();
  }, [values, range?.[0], range?.[1]]); // eslint-disable-line react-hooks/exhaustive-deps -- a range is its two ends

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    made.series.forEach((series, index) => {
      if (index === 0) return;
      const own = names[drawn[index - 1] ?? -1] ?? "";
      const bright = pointed !== null ? pointed === own : chosen.size === 0 || chosen.has(own);
      series.alpha = bright ? 1 : 0.2;
      series.width = pointed === own ? 3 : 1.6;
    });
    made.redraw(false);
  }, [chosen, pointed, shape]); // eslint-disable-line react-hooks/exhaustive-deps -- names and stacking are part of the shape

  const toggle = (series: string) => {
    const next = new Set(chosen);
    if (!next.delete(series)) next.add(series);
    setChosen(next.size === names.length ? new Set() : next);
  };
  const time = at === null ? undefined : data.times[at];
  return (
    <div className="chart" data-testid={`chart-${name}`} data-series={names.length}>
      {label !== "" && <div className="axis-label">{label}{time === undefined ? "" : <span className="muted"> at {clock(time, 1)}</span>}</div>}
      <div className="plot-frame">
        <div className="plot" ref={host} role="img" aria-label={`${name}: ${names.length} series, ${data.times.length} points in time`} />
        {area && <MarkLines area={area} />}
      </div>
      <ul className="legend" aria-label="series">
        {bySize.map((index) => {
          const series = data.series[index];
          if (!series) return null;
          const value = at === null ? lastValue(series.values) : valueAt(series.values, at);
          return (
            <li key={series.name}>
              <button
                type="button" data-testid="legend-item" data-series={series.name} aria-pressed={chosen.has(series.name)} className={chosen.size > 0 && !chosen.has(series.name) ? "faded" : undefined} title={`${visible(series.name)}: mean ${format(series.mean)}. Click to single out`}
                onClick={() => { toggle(series.name); }} onContextMenu={(event) => { event.preventDefault(); setChosen(new Set()); }} onPointerEnter={() => { setPointed(series.name); }} onPointerLeave={() => { setPointed(null); }}
              >
                <svg width="18" height="8" aria-hidden="true"><path d="M0 4H18" stroke={seriesColor(index, theme)} strokeWidth="3" strokeDasharray={seriesDash(index).join(" ")} /></svg>
                <LegendName text={visible(series.name) || "(no name)"} />
                <span className="legend-value">{value === null || value === undefined ? "–" : format(value)}</span>
              </button>
            </li>
          );
        })}
        {data.leftOut > 0 && <li className="state-warn">{data.leftOut} smaller series left out: choose fewer with the arguments</li>}
      </ul>
    </div>
  );
}

/** A name that is cut before its last characters, which tell partitions and members apart. */
function LegendName({ text }: { text: string }) {
  const points = Array.from(text);
  const head = points.length > TAIL ? points.slice(0, -TAIL).join("") : "";
  return <bdi className="legend-name"><span className="legend-head">{head}</span><span className="legend-tail">{points.slice(-TAIL).join("")}</span></bdi>;
}

/** The value at a time, or the one that the line comes from; nothing in a gap. */
function valueAt(values: ChartData["series"][number]["values"], at: number): number | null {
  for (let index = at; index >= 0; index -= 1) {
    const value = values[index];
    if (value !== undefined) return value;
  }
  return null;
}

function lastValue(values: ChartData["series"][number]["values"]): number | null {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const value = values[index];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

function aligned(data: ChartData, bySize: readonly number[]): uPlot.AlignedData {
  if (!data.stacked) return [data.times, ...data.series.map((series) => series.values)] as uPlot.AlignedData;
  return [data.times, ...stack(bySize.flatMap((index) => data.series[index] ?? [])).reverse()] as uPlot.AlignedData;
}

function options(data: ChartData, drawn: readonly number[], theme: Theme, format: (value: number) => string, label: string, { setAt, drawnAt }: { setAt: (at: number | null) => void; drawnAt: (area: PlotArea) => void }, latest: () => { range: [number, number] | null; brush: Brush | null }): Omit<uPlot.Options, "width" | "height"> {
  const css = getComputedStyle(document.documentElement);
  const [text, grid, font] = [css.getPropertyValue("--muted"), css.getPropertyValue("--line"), "11px system-ui, sans-serif"];
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } };
  const longest = Math.max(...data.series.flatMap((series) => [format(series.mean).length, format(lastValue(series.values) ?? 0).length]), 4);
  return {
    legend: { show: false },
    padding: [10, 26, 0, 0],
    cursor: { sync: { key: SYNC, setSeries: false }, drag: { x: true, y: false, setScale: latest().brush === null }, points: { size: 7 }, focus: { prox: 24 } },
    scales: {
      x: { time: true, range: (self, low, high) => {
        const shared = latest().range;
        const zoomed = (self as { zoomed?: boolean }).zoomed === true;
        return !zoomed && shared ? shared : [low, high > low ? high : low + 1];
      } },
      y: { range: (_, low, high) => [Math.min(low ?? 0, 0), axisTop(high ?? 0, data.column)] },
    },
    axes: [{ ...axis, size: 28, space: 70, incrs: TIME_STEPS, values: (_, splits, __, ___, step) => splits.map((split) => clock(split, step)) }, { ...axis, size: Math.min(Math.max(longest * 7 + 12, 44), 96), splits: (self, _, low, high) => axisTicks(low, high, data.column, Math.floor(self.height / 48)), values: (_, splits) => splits.map((split) => format(split)) }],
    series: [{}, ...drawn.map((index): uPlot.Series => ({
      label: data.series[index]?.name ?? label,
      stroke: seriesColor(index, theme), width: 1.6, dash: seriesDash(index),
      ...(data.mode === "area" ? { fill: `${seriesColor(index, theme)}${data.stacked ? "66" : "22"}` } : {}),
      ...(data.mode === "points" ? { paths: () => null, points: { show: true, size: 4 } } : { points: { show: true, size: 5, fill: seriesColor(index, theme), filter: (self, at) => isolated(self.data[at] ?? []) } }),
    }))], // prettier-ignore
    hooks: {
      draw: [(self) => {
        const { left, top, width, height } = self.bbox;
        const { min, max } = self.scales.x ?? {};
        if (min == null || max == null) return;
        const ratio = uPlot.pxRatio;
        drawnAt({ left: left / ratio, top: top / ratio, width: width / ratio, height: height / ratio, low: min, high: max });
      }],
      setCursor: [(self) => { setAt(self.cursor.idx ?? null); }],
      setSelect: [(self) => {
        const { left, width } = self.select;
        if (width <= 0) return;
        const { brush } = latest();
        if (brush === null) {
          (self as { zoomed?: boolean }).zoomed = true;
          return;
        }
        // The charts share a cursor: only the one that was drawn on speaks.
        const mine = (self as { pressed?: boolean }).pressed === true;
        (self as { pressed?: boolean }).pressed = false;
        if (mine && width >= 4) brush.choose(self.posToVal(left, "x") * 1000, self.posToVal(left + width, "x") * 1000);
        self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      ready: [(self) => {
        self.over.addEventListener("mousedown", () => { (self as { pressed?: boolean }).pressed = true; }, true);
        self.over.addEventListener("dblclick", () => {
          (self as { zoomed?: boolean }).zoomed = false;
          latest().brush?.back();
        }, true);
      }],
    },
  };
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

function clock(seconds: number, step: number): string {
  const date = new Date(seconds * 1000);
  const timeZone = zone();
  const parts: Intl.DateTimeFormatOptions = { ...(timeZone === undefined ? {} : { timeZone }), hour: "2-digit", minute: "2-digit", hour12: false, ...(step < 60 ? { second: "2-digit" } : {}), ...(step >= 21600 ? { day: "2-digit", month: "short" } : {}) };
  return date.toLocaleString("en-GB", parts);
}
