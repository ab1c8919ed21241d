/** The HTTP API as the page sees it. */

export type DataType = "BOOLEAN" | "INT64" | "UINT128" | "FLOAT64" | "STRING" | "TIME64NS";
export type Cell = string | number | boolean | null;

export interface Column {
  name: string;
  type: DataType;
  semanticType: string;
}

export interface ResultTable {
  name: string;
  columns: Column[];
  rows: Cell[][];
  numRows: number;
  truncated: boolean;
  /** Why it is empty, where the server knows. */
  note?: string | null;
}

export interface Position {
  x: number;
  y: number;
  w: number;
  h: number;
}

export type DisplaySpec = { "@type"?: string } & Record<string, unknown>;

export interface WidgetSpec {
  name: string;
  table: string;
  position: Position;
  displaySpec: DisplaySpec;
  /** The script that the widget's table comes from, where a page shows several scripts. */
  script?: string;
}

export interface Message {
  level: string;
  text: string;
}

export interface RunResult {
  script: string;
  args: Record<string, string>;
  executedAt: number;
  compileMs: number;
  durationMs: number;
  tables: ResultTable[];
  widgets: WidgetSpec[];
  messages: Message[];
}

export interface Variable {
  name: string;
  type: string;
  defaultValue?: string;
  description: string;
  validValues: string[];
  required: boolean;
}

export interface ScriptSummary {
  name: string;
  short: string;
  long: string;
  hidden: boolean;
  variables: Variable[];
}

export interface Script extends ScriptSummary {
  pxl: string;
  vis: Record<string, unknown> | null;
}

export interface RunRequest {
  script?: string;
  pxl?: string;
  vis?: Record<string, unknown>;
  args?: Record<string, string>;
  /** Run as of this moment, in milliseconds since the epoch. */
  until?: number;
}

export interface LayoutRequest {
  api: string;
  apiVersion: number;
  response: boolean;
  body: string;
  clientId?: string;
  size?: number;
}

/** A field of a message and its bytes, counted behind the size field; `null` where they cannot be told. */
export interface FieldPlace {
  /** JSON pointer into the body; `header/…` for fields of the header. */
  path: string;
  type: string;
  offset: number | null;
  length: number | null;
}

export interface Entity {
  name: string;
  kind: string;
  detail: string;
}

export interface LossReason {
  reason: string;
  text: string;
  events: number;
  bytes: number;
  connections: number;
}

export interface Agent {
  agentId?: string;
  asid?: number;
  hostname: string;
  ip?: string;
  state: string;
  hook?: string;
  events?: number;
  eventsLost?: number;
  detail?: string;
  lastSeenS?: number;
}

/** The source of a server that answers from files. */
export const RECORDED = "packet captures";

export interface Status {
  version: string;
  source: string;
  startedAt: number;
  uptimeS: number;
  agents: Agent[];
  tables: { name: string; rows?: number; bytes?: number; oldestNs?: string | number; newestNs?: string | number }[];
  coverage: { windowS?: number; requests?: number; complete?: number; ratio?: number | null; reasons?: LossReason[] };
  scriptProblems?: unknown[];
}

/** An alert that opened or closed; times in milliseconds since the epoch. */
export interface AlertEvent {
  time: number;
  alert: string;
  event: string;
  severity: string;
  subject: string;
  /** What it is about: `cluster`, `group`, `topic`, `client` …, each absent or empty where it does not apply. */
  labels: Partial<Record<string, string>>;
  value: number | null;
  summary: string;
  /** When the condition began to hold. */
  since: number;
}

export interface Alerts {
  /** The newest first. */
  open: AlertEvent[];
  /** Alerts that a limit left out. */
  dropped: number;
  /** Why the file of rules is not used as it is now. */
  rulesProblem: string | null;
  notify: { sent: number; problems: number; lastProblem: string };
}

export interface Schema {
  tables: { name: string; description: string; columns: { name: string; type: string; semanticType: string; description: string }[] }[];
  functions: string[];
  /** Names of Kafka's error codes, by code. */
  kafkaErrors?: string[];
}

/** What the server says when a call fails; also what the page says when the server cannot be reached. */
export interface ErrorBody {
  kind: string;
  message: string;
  hint: string;
  line?: number;
  column?: number;
}

export class ApiFailure extends Error {
  constructor(readonly body: ErrorBody) {
    super(body.message);
  }
}

const UNREACHABLE: ErrorBody = {
  kind: "unreachable",
  message: "the server does not answer",
  hint: "check that `px up` or `px server` still runs; the page tries again by itself",
};

async function call<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiFailure(UNREACHABLE);
  }
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiFailure({ kind: "internal", message: `the server answered ${response.status} without JSON`, hint: "its log says more" });
  }
  if (!response.ok) throw new ApiFailure(errorOf(body, response.status));
  return body as T;
}

/** The error in an answer, whoever wrote it. */
export function errorOf(body: unknown, status: number): ErrorBody {
  const error = (body as { error?: Partial<ErrorBody> } | null)?.error;
  if (error && typeof error.message === "string") return placed({ kind: error.kind ?? "internal", hint: error.hint ?? "", ...error, message: error.message });
  return { kind: "internal", message: `the server answered ${status}`, hint: "its log says more" };
}

/** Lines count from 1: an error at line 0, such as one in an argument, has no place in the text. */
export function placed({ line, column, ...error }: ErrorBody): ErrorBody {
  return line !== undefined && line >= 1 ? { ...error, line, column: Math.max(column ?? 1, 1) } : error;
}

export function failureOf(error: unknown): ErrorBody {
  if (error instanceof ApiFailure) return error.body;
  return { kind: "internal", message: error instanceof Error ? error.message : String(error), hint: "reload the page" };
}

const post = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  signal: signal ?? null,
});

export const api = {
  scripts: () => call<ScriptSummary[]>("/api/scripts"),
  script: (name: string) => call<Script>(`/api/scripts/${name.split("/").map(encodeURIComponent).join("/")}`),
  run: (request: RunRequest, signal?: AbortSignal) => call<RunResult>("/api/run", post(request, signal)),
  layout: (request: LayoutRequest, signal?: AbortSignal) => call<{ fields: FieldPlace[]; truncated: boolean }>("/api/layout", post(request, signal)),
  entities: (kind: string, q: string, limit = 50) =>
    call<Entity[]>(`/api/entities?${new URLSearchParams({ kind, q, limit: String(limit) }).toString()}`),
  status: () => call<Status>("/api/status"),
  alerts: () => call<Alerts>("/api/alerts"),
  schema: () => call<Schema>("/api/schema"),
};
