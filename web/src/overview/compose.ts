/** The start page's widgets out of what several scripts gave. */
import type { ResultTable, RunResult, WidgetSpec } from "../api";
import { pick, tableWith } from "./columns";
import { GROUP_COLUMN } from "./groups";
import type { Feed, FeedName } from "./useOverview";

const TABLE = "types.px.dev/px.vispb.Table";

const GROUP_COLUMNS = ["status", "group", "group_id", "kind", "members", "lag_seconds", "lag", "trend", "time_to_drain", "reason", "topics", "state"];
const TOPIC_COLUMNS = ["topic", "produce_rate", "consume_rate", "partitions", "groups", "errors"];
const BROKER_COLUMNS = ["broker", "request_rate", "throughput", "errors", "clients"];
const CLIENT_COLUMNS = ["client_id", "client", "software_name", "software_version", "kafka_4", "requests", "errors"];
const ERROR_COLUMNS = ["error", "api", "requests", "last_seen"];
const REBALANCE_COLUMNS = ["time_", "group", "group_id", "trigger", "duration", "delay", "stopped_max", "reason"];

export function groupTable(feed: Feed): ResultTable | null {
  const found = tableWith(feed.result, "status", "reason") ?? tableWith(feed.result, "lag");
  return found?.columns.some((column) => GROUP_COLUMN.test(column.name)) === true ? found : null;
}

/** Which cluster a group is of is worth a column only where there are several. */
function severalClusters(table: ResultTable | null): boolean {
  const at = table?.columns.findIndex((column) => column.name === "cluster") ?? -1;
  return at >= 0 && new Set(table?.rows.map((row) => row[at])).size > 1;
}

interface Part {
  title: string;
  table: ResultTable | null;
  script: string | null;
  displaySpec?: WidgetSpec["displaySpec"];
}

/** Height of a grid row of the start page with its gap, in pixels; styles/overview.css has it too. */
const ROW = 68;
const GRAPH_ROWS = 4;

/** Height in grid rows for a table that shows at most so many rows without scrolling. */
const tall = (table: ResultTable | null, most: number): number => Math.max(Math.ceil((Math.min(table?.rows.length ?? 0, most) * 28 + 84) / ROW), 2);

const some = (part: Part): boolean => part.table !== null && part.table.rows.length > 0;

export function compose(feeds: Record<FeedName, Feed>): RunResult {
  const part = (title: string, name: FeedName, table: ResultTable | null, columns: readonly string[], displaySpec?: Part["displaySpec"]): Part => ({
    title, script: feeds[name].script, table: table && pick(table, title, columns.length > 0 ? columns : table.columns.map((column) => column.name)), ...(displaySpec ? { displaySpec } : {}),
  }); // prettier-ignore
  const found = groupTable(feeds.groups);
  const groups = part("Consumer groups", "groups", found, severalClusters(found) ? [...GROUP_COLUMNS.slice(0, 3), "cluster", ...GROUP_COLUMNS.slice(3)] : GROUP_COLUMNS);
  const flow = part("Flow", "flow", tableWith(feeds.flow.result, "src", "dest"), [], {
    "@type": "types.px.dev/px.vispb.Graph", adjacencyList: { fromColumn: "src", toColumn: "dest" }, edgeWeightColumn: "record_throughput", edgeHoverInfo: ["record_throughput", "record_bytes_total"], enableDefaultHierarchy: true,
  }); // prettier-ignore
  const topics = part("Topics", "topics", tableWith(feeds.topics.result, "topic", "produce_rate"), TOPIC_COLUMNS);
  const brokers = part("Brokers", "brokers", tableWith(feeds.brokers.result, "broker", "request_rate"), BROKER_COLUMNS);
  const clients = part("Clients", "clients", tableWith(feeds.clients.result, "client_id"), CLIENT_COLUMNS);
  const errors = part("Errors", "errors", tableWith(feeds.errors.result, "error", "first_seen"), ERROR_COLUMNS);
  const rebalances = part("Recent rebalances", "rebalances", tableWith(feeds.rebalances.result, "time_", "delay") ?? tableWith(feeds.rebalances.result, "time_", "duration"), REBALANCE_COLUMNS);

  // Two columns below the groups; what is not there leaves no hole.
  const left = [flow, topics, clients].filter(some);
  const right = [errors, rebalances, brokers].filter(some);
  const widgets: WidgetSpec[] = [];
  const tables: ResultTable[] = [];
  const put = ({ title, table, script, displaySpec }: Part, x: number, y: number, w: number, h: number) => {
    if (!table) return;
    tables.push(table);
    widgets.push({ name: title, table: title, position: { x, y, w, h }, displaySpec: displaySpec ?? { "@type": TABLE }, ...(script === null ? {} : { script }) });
  };
  const top = groups.table ? tall(groups.table, 8) : 0;
  put(groups, 0, 0, 12, top);
  let y = top;
  for (const each of left) {
    const h = each === flow ? GRAPH_ROWS : tall(each.table, 10);
    put(each, 0, y, right.length > 0 ? 7 : 12, h);
    y += h;
  }
  y = top;
  for (const each of right) {
    const h = tall(each.table, 6);
    put(each, left.length > 0 ? 7 : 0, y, left.length > 0 ? 5 : 12, h);
    y += h;
  }
  const results = Object.values(feeds).flatMap((each) => each.result ?? []);
  return {
    script: "", args: {}, executedAt: Math.max(0, ...results.map((each) => each.executedAt)), compileMs: results.reduce((sum, each) => sum + each.compileMs, 0), durationMs: results.reduce((sum, each) => sum + each.durationMs, 0),
    tables, widgets, messages: uniqueMessages(results),
  }; // prettier-ignore
}

function uniqueMessages(results: readonly RunResult[]): RunResult["messages"] {
  return [...new Map(results.flatMap((each) => each.messages).map((message) => [message.text, message])).values()];
}
