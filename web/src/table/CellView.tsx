/** One cell, drawn by its type. Text stays text: nothing from data becomes HTML. */
import { type MouseEvent, memo, type ReactNode } from "react";
import type { Cell, Column } from "../api";
import { argumentPlace, entityPlace, kafkaPlace, useNow, usePage } from "../model/context";
import { absoluteTime, ago, dayTime, duration, exact, formatCell, significant, timeMs, toNumber, UNKNOWN, visible } from "../model/format";
import { formatPlace, linkPlace, type Place } from "../model/location";
import { isQuantiles, isReference, isStatus, latencyState, quantiles, type Quantiles, scriptReference, status } from "../model/values";
import { groupVerdict, mayJudge, verdict } from "../model/verdict";
import { sectionOf } from "../overview/sections";
import { outcomeText } from "./outcome";

interface Props {
  value: Cell;
  column: Column;
  /** The request's API where the table has one: some latencies are no fault. */
  api?: Cell | undefined;
  /** How far the request was read, where the table says it. */
  outcome?: Cell | undefined;
  /** The cluster of the row, where the table has one: links into it lead there. */
  cluster?: Cell | undefined;
  /** Seconds behind and records per second of the row, where the cell is a group's status. */
  lagSeconds?: Cell | undefined;
  trend?: Cell | undefined;
  /** Greatest p99 of the column, for the scale of its bars. */
  scale?: number | undefined;
  percentile?: keyof Quantiles | undefined;
  onPercentile?: ((percentile: keyof Quantiles) => void) | undefined;
}

export const isNumeric = (column: Column): boolean => column.type === "INT64" || column.type === "FLOAT64";

export const CellView = memo(function CellView(props: Props) {
  const { value, column } = props;
  if (value === null) return <span className="muted" title="not known">{UNKNOWN}</span>;
  if (isReference(column)) return <Reference value={value} />;
  if (isStatus(column)) return <StatusDot value={value} />;
  if (isQuantiles(column)) return <QuantileBar {...props} />;
  if (column.type === "TIME64NS") return <Time value={value} />;
  const text = formatCell(value, column);
  if (mayJudge(column) && verdict(value)) return <VerdictWord {...props} />;
  if (isNumeric(column)) {
    if (column.name === "latency" && unanswered(value, props.outcome)) return <span className="muted" title={props.outcome === "complete" ? "no answer is sent to this request (acks=0)" : `not known: ${String(props.outcome)}`}>{props.outcome === "no_response" ? "no answer" : UNKNOWN}</span>;
    if (column.name === "trend") return <Trend value={value} column={column} />;
    const state = column.semanticType === "HTTP_RESP_STATUS" ? httpState(Number(value)) : column.name === "error_code" && Number(value) !== 0 ? "bad" : latencyState(value, column, props.api);
    return <span className={state === "warn" || state === "bad" ? `state-${state}` : undefined} title={exact(value, column)}>{text}</span>;
  }
  return <TextCell value={text} column={column} cluster={props.cluster} />;
});

/** The column has 0 where there was no response to wait for. */
const unanswered = (latency: Cell, outcome: Cell | undefined): boolean => typeof outcome === "string" && Number(latency) === 0;

function VerdictWord({ value, lagSeconds, trend }: Props) {
  const found = groupVerdict(value, toNumber(lagSeconds), toNumber(trend));
  return <span className={`verdict state-${found?.state ?? "unknown"}`} title={String(value)}><i className="dot" /> {found?.word}</span>;
}

/** How fast lag grows or shrinks, in records per second. */
function Trend({ value, column }: { value: Cell; column: Column }) {
  const rate = toNumber(value);
  if (rate === null || !Number.isFinite(rate)) return <span className="muted" title="not known">{UNKNOWN}</span>;
  if (Math.abs(rate) < 0.005) return <span className="muted" title={exact(value, column)}>steady</span>;
  return <span className={`state-${rate > 0 ? "warn" : "ok"}`} title={`${exact(value, column)} records per second`}>{rate > 0 ? "▲" : "▼"} {significant(Math.abs(rate), 2)}/s</span>;
}

function httpState(code: number): string {
  return code >= 500 ? "bad" : code >= 400 ? "warn" : "ok";
}

/** Columns in which the empty text stands for what is not known. */
const EMPTY_IS_UNKNOWN = new Set(["software_name", "software_version", "cluster", "cluster_id"]);

function TextCell({ value, column, cluster }: { value: string; column: Column; cluster: Cell | undefined }) {
  const page = usePage();
  const place = entityPlace(page, column, value);
  const shown = visible(value.length > 400 ? `${value.slice(0, 400)}…` : value);
  if (place) return <PlaceLink place={place} text={shown} title={value} />;
  const own = kafkaPlace(page, column, value, cluster);
  // A list leads to the page of what it lists; elsewhere a name fills the argument that it fits.
  const found = own !== null && sectionOf(own.script)?.script === page.place.script ? own : (argumentPlace(page, column, value) ?? own);
  if (found) return <PlaceLink place={found} text={shown} title={found.script === page.place.script ? `only ${value}` : value} />;
  if (value === "") return EMPTY_IS_UNKNOWN.has(column.name) ? <span className="muted" title="not known: what would tell it was not seen, such as the start of the connection">{UNKNOWN}</span> : null;
  // A row that is not whole says so where it is read.
  if (column.name === "outcome" && outcomeText(value)) return <bdi className="state-warn" title={outcomeText(value)?.what}>{shown}</bdi>;
  return <bdi title={value.length > 1500 ? undefined : value}>{shown}</bdi>;
}

/** A link inside the page; modified clicks open a tab as usual. */
export function PlaceLink({ place, text, title, testId, className = "link", children }: { place: Place; text: string; title?: string; testId?: string; className?: string; children?: ReactNode }) {
  const page = usePage();
  const follow = (event: MouseEvent) => {
    event.stopPropagation();
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    page.go(place);
  };
  return <a className={className} href={formatPlace(place)} onClick={follow} title={title} data-testid={testId}>{children ?? <bdi>{text}</bdi>}</a>;
}

function Reference({ value }: { value: Cell }) {
  const page = usePage();
  const reference = scriptReference(value);
  if (!reference) return <bdi>{visible(String(value))}</bdi>;
  const label = visible(reference.label);
  if (!page.scripts.some((script) => script.name === reference.script)) return <bdi title={`${reference.script} is not in the library`}>{label}</bdi>;
  return <PlaceLink place={linkPlace(page.place, reference.script, reference.args)} text={label} title={`${reference.script}: ${reference.label}`} />;
}

function StatusDot({ value }: { value: Cell }) {
  const { text, state, detail } = status(value);
  return <span className={`state-${state}`} title={visible(detail)}><i className="dot" /> {visible(text)}</span>;
}

function Time({ value }: { value: Cell }) {
  const page = usePage();
  const ms = timeMs(value);
  if (ms === null) return <span className="muted">{UNKNOWN}</span>;
  const absolute = absoluteTime(value);
  return (
    <button type="button" className="time" title={`${absolute}  (${String(value)} ns). Click: relative or absolute`} onClick={(event) => { event.stopPropagation(); page.toggleTimes(); }}>
      {page.relativeTimes ? <Relative ms={ms} /> : dayTime(value, Date.now())}
    </button>
  );
}

function Relative({ ms }: { ms: number }) {
  return <>{ago(ms, useNow())}</>;
}

const SHOWN = ["p50", "p90", "p99"] as const;

function QuantileBar({ value, column, scale, percentile = "p99", onPercentile }: Props) {
  const found = quantiles(value);
  if (!found) return <span className="muted" title="no values">{UNKNOWN}</span>;
  const format = column.semanticType === "DURATION_NS_QUANTILES" ? duration : (number: number) => significant(number);
  const most = scale !== undefined && scale > 0 ? scale : found.p99;
  const at = (number: number) => (most > 0 ? (number / most) * 100 : 0);
  return (
    <span className="quantiles" title={Object.entries(found).map(([name, number]) => `${name} ${format(number as number)}`).join("\n")}>
      <svg className="box" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
        <path d={`M${at(found.p01)},6H${at(found.p99)}`} className="whisker" />
        <rect x={at(found.p25)} width={Math.max(at(found.p75) - at(found.p25), 1)} y="2" height="8" className="iqr" />
        <path d={`M${at(found.p50)},1V11`} className="median" />
        <path d={`M${at(found.p99)},3V9`} className="whisker" />
      </svg>
      {SHOWN.map((name) => (
        <button key={name} type="button" className={name === percentile ? "chosen" : undefined} title={`${name}: sort by it`} onClick={(event) => { event.stopPropagation(); onPercentile?.(name); }}>
          {format(found[name])}
        </button>
      ))}
    </span>
  );
}
