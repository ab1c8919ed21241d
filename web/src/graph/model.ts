/** A result table as a graph: nodes, edges with weight and state, folded where there are too many to read. */
import type { Cell, Column, DisplaySpec, ResultTable } from "../api";
import { formatCell, SECONDS, toNumber, visible } from "../model/format";
import type { State } from "../model/values";
import { groupVerdict, mayJudge, type Verdict } from "../model/verdict";

export interface GraphSpec {
  from: string;
  to: string;
  weight?: string;
  color?: string;
  medium?: number;
  high?: number;
  hover: string[];
  layered: boolean;
}

export type NodeKind = "topic" | "pod" | "address" | "client";

export interface GraphNode {
  id: string;
  label: string;
  kind: NodeKind;
  /** The names folded into this node; one for a plain node. */
  members: string[];
  column: Column;
}

export interface GraphEdge {
  id: string;
  from: string;
  to: string;
  weight: number | null;
  weightText: string;
  /** Stroke width, 1 to 6. */
  width: number;
  state: State;
  /** Number of this edge among those with the same ends, and how many these are. */
  lane: number;
  lanes: number;
  facts: [string, string][];
  rows: number;
}

export interface GraphModel {
  nodes: GraphNode[];
  edges: GraphEdge[];
  foldable: boolean;
  /** Edges left out because nobody could read so many, or wait for their layout. */
  leftOut: number;
  problem: string | null;
}

/** Above this many nodes, clients that differ only in a replica's suffix are shown as one. */
export const FOLD_ABOVE = 40;

/** A graph has at most this many nodes: the heaviest topics with what writes and reads them. */
export const MAX_NODES = 80;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/** How a request graph is looked at: each pod instead of its service, errors instead of latencies as the colour. */
export interface RequestView {
  pods: boolean;
  errors: boolean;
}

export const isRequestGraph = (spec: DisplaySpec): boolean => (spec["@type"] ?? "").endsWith(".RequestGraph");

/** The settings of a Graph or RequestGraph widget. */
export function graphSpec(spec: DisplaySpec, columns: readonly Column[], view: RequestView = { pods: false, errors: false }): GraphSpec | null {
  const has = (name: string | undefined): name is string => name !== undefined && columns.some((column) => column.name === name);
  if (isRequestGraph(spec)) {
    const end = (side: string) => (view.pods ? ["Pod", "Service", "IP"] : ["Service", "Pod", "IP"]).map((what) => text(spec[`${side}${what}Column`])).find(has);
    const [from, to] = [end("requestor"), end("responder")];
    if (from === undefined || to === undefined) return null;
    const hover = ["requestsPerSecond", "errorRate", "p50", "p90", "p99", "inboundBytesPerSecond", "outboundBytesPerSecond", "totalRequestCount"];
    const found = hover.map((name) => text(spec[`${name}Column`])).filter(has);
    return { from, to, hover: found, layered: true, ...optional({ weight: text(spec.requestsPerSecondColumn), color: text(view.errors ? spec.errorRateColumn : spec.p99Column) }), medium: view.errors ? 0.01 : 100e6, high: view.errors ? 0.02 : 200e6 };
  }
  const list = spec.adjacencyList as { fromColumn?: string; toColumn?: string } | undefined;
  if (!has(list?.fromColumn) || !has(list.toColumn)) return null;
  const thresholds = spec.edgeThresholds as { mediumThreshold?: number; highThreshold?: number } | undefined;
  const color = text(spec.edgeColorColumn);
  const colored = columns.find((column) => column.name === color)?.semanticType;
  const timed = colored === "DURATION_NS";
  // Without thresholds of its own an amount of bytes is neither good nor bad.
  const [medium, high] = timed ? [150e6, 300e6] : colored === "BYTES" ? [Infinity, Infinity] : [100, 200];
  const hover = Array.isArray(spec.edgeHoverInfo) ? spec.edgeHoverInfo.filter((name): name is string => typeof name === "string") : [];
  return {
    from: list.fromColumn,
    to: list.toColumn,
    hover: hover.filter(has),
    layered: spec.enableDefaultHierarchy !== false,
    medium: number(thresholds?.mediumThreshold) ?? medium,
    high: number(thresholds?.highThreshold) ?? high,
    ...optional({ weight: text(spec.edgeWeightColumn), color }),
  };
}

function optional(fields: { weight: string | undefined; color: string | undefined }): { weight?: string; color?: string } {
  return { ...(fields.weight === undefined ? {} : { weight: fields.weight }), ...(fields.color === undefined ? {} : { color: fields.color }) };
}

/** The name of a workload behind a replica's name: without the hash of a deployment or the number of a stateful set or consumer. */
export function workload(name: string): string {
  const short = name.replace(/-[0-9a-f]{5,10}-[0-9a-z]{5}$/, "").replace(/([-_.]?\d+)+$/, "");
  return short === "" ? name : short;
}

function kindOf(id: string, column: Column, pods: ReadonlySet<string>): NodeKind {
  if (id.startsWith("topic/")) return "topic";
  if (column.semanticType === "POD_NAME" || column.semanticType === "SERVICE_NAME" || pods.has(id)) return "pod";
  if (column.semanticType === "IP_ADDRESS" || /^[\d.:a-f]+$/i.test(id)) return "address";
  return "client";
}

/** Builds the graph. Every row is an edge; rows with the same ends run side by side, or add up where ends are folded. */
export function graphModel(table: ResultTable, spec: GraphSpec, pods: ReadonlySet<string>, unfold: boolean): GraphModel {
  const at = (name: string | undefined) => (name === undefined ? -1 : table.columns.findIndex((column) => column.name === name));
  const [from, to, weightAt, colorAt] = [at(spec.from), at(spec.to), at(spec.weight), at(spec.color)];
  const [fromColumn, toColumn] = [table.columns[from], table.columns[to]];
  if (!fromColumn || !toColumn) return { nodes: [], edges: [], foldable: false, leftOut: 0, problem: `the table has no columns ${spec.from} and ${spec.to}` };
  const plain = new Map<string, { column: Column; kind: NodeKind }>();
  for (const row of table.rows)
    for (const [index, column] of [[from, fromColumn], [to, toColumn]] as const) {
      const id = String(row[index] ?? "");
      if (!plain.has(id)) plain.set(id, { column, kind: kindOf(id, column, pods) });
    }
  const folds = foldNames(plain);
  const foldable = plain.size > FOLD_ABOVE && [...folds.values()].some((members) => members.length > 1);
  const nodes = new Map<string, GraphNode>();
  const home = new Map<string, string>();
  for (const [key, members] of folds) {
    const together = foldable && !unfold && members.length > 1;
    for (const id of members) {
      const nodeId = together ? `fold:${key}` : id;
      home.set(id, nodeId);
      const info = plain.get(id);
      const node = nodes.get(nodeId);
      if (node) node.members.push(id);
      else if (info) nodes.set(nodeId, { id: nodeId, label: together ? `${visible(workload(id))} ×${members.length}` : visible(id) || "(no name)", kind: info.kind, members: [id], column: info.column });
    }
  }
  const edges = collectEdges(table, spec, { from, to, weightAt, colorAt }, home, foldable && !unfold);
  const kept = heaviest(edges);
  const ends = new Set(kept.flatMap((edge) => [edge.from, edge.to]));
  return { nodes: [...nodes.values()].filter((node) => ends.has(node.id)).sort((a, b) => (a.id < b.id ? -1 : 1)), edges: kept, foldable, leftOut: edges.length - kept.length, problem: null };
}

function heaviest(edges: GraphEdge[]): GraphEdge[] {
  // A topic's edges stay together, otherwise the way of the data is lost.
  const topicOf = (edge: GraphEdge) => [edge.from, edge.to].find((id) => id.startsWith("topic/")) ?? edge.id;
  const totals = new Map<string, number>();
  for (const edge of edges) totals.set(topicOf(edge), (totals.get(topicOf(edge)) ?? 0) + (edge.weight ?? 0));
  const total = (edge: GraphEdge) => totals.get(topicOf(edge)) ?? 0;
  const nodes = new Set<string>();
  const order = [...edges].sort((a, b) => total(b) - total(a) || (topicOf(a) < topicOf(b) ? -1 : topicOf(a) > topicOf(b) ? 1 : (b.weight ?? 0) - (a.weight ?? 0)));
  const kept = order.filter((edge) => {
    const added = [edge.from, edge.to].filter((id, index, both) => !nodes.has(id) && both.indexOf(id) === index);
    if (nodes.size + added.length > MAX_NODES) return false;
    for (const id of added) nodes.add(id);
    return true;
  });
  return kept.length === edges.length ? edges : kept.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function foldNames(plain: Map<string, { kind: NodeKind }>): Map<string, string[]> {
  const folds = new Map<string, string[]>();
  for (const [id, { kind }] of plain) {
    const key = kind === "topic" ? id : `${kind}/${workload(id)}`;
    const members = folds.get(key);
    if (members) members.push(id);
    else folds.set(key, [id]);
  }
  return folds;
}

interface Places {
  from: number;
  to: number;
  weightAt: number;
  colorAt: number;
}

function collectEdges(table: ResultTable, spec: GraphSpec, places: Places, home: Map<string, string>, folded: boolean): GraphEdge[] {
  const byEnds = new Map<string, { from: string; to: string; rows: Cell[][] }[]>();
  for (const row of table.rows) {
    const from = home.get(String(row[places.from] ?? "")) ?? "";
    const to = home.get(String(row[places.to] ?? "")) ?? "";
    const ends = JSON.stringify([from, to]);
    const group = byEnds.get(ends) ?? [];
    if (folded && group[0]) group[0].rows.push(row);
    else group.push({ from, to, rows: [row] });
    byEnds.set(ends, group);
  }
  const weightOf = (rows: Cell[][]) => (places.weightAt < 0 ? null : rows.reduce((sum, row) => sum + (toNumber(row[places.weightAt]) ?? 0), 0));
  const most = Math.max(...[...byEnds.values()].flat().map((edge) => weightOf(edge.rows) ?? 0), 0);
  const weightColumn = table.columns[places.weightAt];
  const edges: GraphEdge[] = [];
  for (const [ends, group] of byEnds)
    group.forEach(({ from, to, rows }, lane) => {
      const weight = weightOf(rows);
      const share = most > 0 && weight !== null ? Math.max(weight, 0) / most : 0;
      edges.push({
        id: `${ends}${lane}`, from, to, weight, lane, lanes: group.length, rows: rows.length,
        weightText: weight === null || !weightColumn ? "" : formatCell(weight, weightColumn),
        width: 1 + 5 * share,
        state: edgeState(rows, places.colorAt, spec, table.columns),
        facts: facts(table.columns, rows, spec),
      }); // prettier-ignore
    });
  return edges.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function edgeState(rows: Cell[][], colorAt: number, spec: GraphSpec, columns: readonly Column[]): State {
  if (colorAt < 0) return worstReader(rows, columns)?.state ?? "unknown";
  const worst = Math.max(...rows.map((row) => toNumber(row[colorAt]) ?? -Infinity));
  if (worst === -Infinity || Number.isNaN(worst) || spec.medium === Infinity) return "unknown";
  return worst >= (spec.high ?? Infinity) ? "bad" : worst >= (spec.medium ?? Infinity) ? "warn" : "ok";
}

/** How the worst of those does that read through an edge, where its rows say so. */
function worstReader(rows: Cell[][], columns: readonly Column[]): Verdict | null {
  const [status, late] = ["verdict", "lag_seconds"].map((name) => columns.findIndex((column) => column.name === name)) as [number, number];
  const found = rows.flatMap((row) => groupVerdict(row[status], toNumber(row[late]), null) ?? []);
  return found.length === 0 ? null : found.reduce((worst, each) => (each.severity > worst.severity ? each : worst));
}

/** What hovering shows: the vis spec's columns first, then the others, sums where several rows are one edge. */
function facts(columns: readonly Column[], rows: Cell[][], spec: GraphSpec): [string, string][] {
  const rest = columns.map((column) => column.name).filter((name) => name !== spec.from && name !== spec.to && !spec.hover.includes(name));
  return [...spec.hover, ...rest].flatMap((name): [string, string][] => {
    const index = columns.findIndex((column) => column.name === name);
    const column = columns[index];
    const row = rows[0];
    if (!column || !row) return [];
    if (mayJudge(column)) {
      const worst = worstReader(rows, columns);
      return worst === null ? [] : [[name, worst.word]];
    }
    if (rows.length === 1) return [[name, formatCell(row[index] ?? null, column)]];
    const values = rows.map((each) => toNumber(each[index])).filter((value): value is number => value !== null);
    if (values.length === 0) return [];
    // Latencies do not add up: the greatest stands for all.
    const adds = column.semanticType !== "DURATION_NS" && column.semanticType !== "PERCENT" && !SECONDS.test(column.name);
    const value = adds ? values.reduce((sum, each) => sum + each, 0) : Math.max(...values);
    return [[`${name} (${adds ? "sum" : "greatest"} of ${rows.length})`, formatCell(value, column)]];
  });
}
