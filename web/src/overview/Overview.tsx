/** The start page: the answer, the numbers, and the tables behind them. */
import { useMemo } from "react";
import type { AlertEvent, Alerts, ErrorBody, ResultTable, Status } from "../api";
import { usePage } from "../model/context";
import { coverageSummary } from "../model/coverage";
import { bytesPerSecond, grouped, toNumber, UNKNOWN } from "../model/format";
import { linkPlace, type Place } from "../model/location";
import type { State } from "../model/values";
import { Problem } from "../page/Problem";
import { WidgetGrid } from "../page/WidgetGrid";
import { PlaceLink } from "../table/CellView";
import { Answer } from "./Answer";
import { tableWith } from "./columns";
import { compose, groupTable } from "./compose";
import { flowSentence } from "./flow";
import { behind, groupsOf } from "./groups";
import { OpenAlerts } from "./OpenAlerts";
import type { FeedName, OverviewData } from "./useOverview";

interface Props {
  data: OverviewData;
  status: Status | null;
  failure: ErrorBody | null;
  /** `null` where they are not known, or not of the time that is looked at. */
  alerts: Alerts | null;
  /** Those of the alerts that the page is about. */
  open: readonly AlertEvent[];
}

export function Overview({ data, status, failure, alerts, open }: Props) {
  const { feeds } = data;
  const groupsTable = useMemo(() => groupTable(feeds.groups), [feeds.groups.result]); // eslint-disable-line react-hooks/exhaustive-deps -- a feed is its result
  const groups = useMemo(() => (groupsTable ? groupsOf(groupsTable, tableWith(feeds.groups.result, "since", "group", "topic")) : null), [groupsTable]); // eslint-disable-line react-hooks/exhaustive-deps -- of the same result
  const page = usePage();
  const failing = Object.values(feeds).filter((feed) => feed.error !== null);
  // Without the server nothing is new; a script that fails leaves the others as they are.
  const lost = failing.find((feed) => feed.error?.kind === "unreachable")?.error ?? undefined;
  const results = Object.values(feeds).map((feed) => feed.result);
  const composed = useMemo(() => compose(feeds), results); // eslint-disable-line react-hooks/exhaustive-deps -- the same
  return (
    <>
      {lost && <Problem error={lost} stale={composed.tables.length > 0} onRetry={data.runNow} />}
      <Answer status={status} failure={failure} groups={groups} executedAt={feeds.groups.result?.executedAt ?? 0} traffic={flowSentence(feeds.flow.result) ?? ""} pending={feeds.groups.script !== null && feeds.groups.result === null} />
      {alerts && <OpenAlerts alerts={alerts} open={open} />}
      <Tiles data={data} status={status} groups={groups === null ? null : groups.length} behindCount={behind(groups ?? []).length} />
      {!lost && failing.map(({ script, error }) => <p key={script} className="note level-warning" role="status"><PlaceLink place={linkPlace(page.place, script)} text={script ?? ""} /> failed: {error?.message}{error?.hint ? `; ${error.hint}` : ""}</p>)}
      {composed.tables.length > 0 ? <WidgetGrid result={composed} faded={lost !== undefined} dense /> : <div className="skeleton" aria-label="running"><div><p className="none muted">asking…</p></div><div /></div>}
    </>
  );
}

interface Tile {
  title: string;
  value: string;
  note: string;
  script: string;
  state?: State;
}

function sum(table: ResultTable | null, column: string): number | null {
  const at = table?.columns.findIndex((each) => each.name === column) ?? -1;
  return table && at >= 0 ? table.rows.reduce((total, row) => total + (toNumber(row[at]) ?? 0), 0) : null;
}

function distinct(table: ResultTable | null, column: string): number | null {
  const at = table?.columns.findIndex((each) => each.name === column) ?? -1;
  return table && at >= 0 ? new Set(table.rows.map((row) => row[at])).size : null;
}

const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

const plus = (table: ResultTable | null): string => (table?.truncated === true ? "+" : "");

function tilesOf(data: OverviewData, status: Status | null, groups: number | null, behindCount: number): Tile[] {
  const { feeds } = data;
  const topics = tableWith(feeds.topics.result, "topic", "produce_rate");
  const brokers = tableWith(feeds.brokers.result, "broker", "request_rate");
  const clients = tableWith(feeds.clients.result, "client_id");
  const errors = tableWith(feeds.errors.result, "error", "first_seen");
  const rebalances = tableWith(feeds.rebalances.result, "time_", "generation") ?? tableWith(feeds.rebalances.result, "time_", "generation_id");
  const coverage = coverageSummary(status);
  const [head = "", ...rest] = coverage.text.replace(/^coverage /, "").split(": ");
  const rate = (column: string) => bytesPerSecond((sum(topics, column) ?? 0) * 1e9);
  const failed = sum(errors, "requests") ?? 0;
  // A generation is one rebalance, however many members took part in it.
  const generations = rebalances ? new Set(rebalances.rows.map((row) => rebalances.columns.flatMap((column, at) => (/^(group(_id)?|generation(_id)?)$/.test(column.name) ? [String(row[at])] : [])).join("\u0000"))).size : null;
  const versions = distinct(clients, "software_version");
  // A tile whose script has not answered yet keeps its place.
  const waiting = (title: string, feed: FeedName): Tile | null => {
    const { script, result, error } = feeds[feed];
    return script === null || result !== null ? null : { title, value: UNKNOWN, note: error === null ? "asking…" : "failed", script, ...(error === null ? {} : { state: "bad" as const }) };
  };
  const list: (Tile | null)[] = [
    groups === null ? waiting("Groups", "groups") : { title: "Groups", value: grouped(groups), note: behindCount === 0 ? "none behind" : `${grouped(behindCount)} behind`, script: "px/kafka_groups", state: behindCount > 0 ? "warn" : "ok" },
    !topics ? waiting("Topics", "topics") : { title: "Topics", value: grouped(topics.rows.length) + plus(topics), note: `${rate("produce_rate")} in, ${rate("consume_rate")} out`, script: "px/kafka_topics" },
    !brokers ? waiting("Brokers", "brokers") : { title: "Brokers", value: grouped(brokers.rows.length), note: `${grouped((sum(brokers, "request_rate") ?? 0) * 1e9)} requests/s`, script: "px/kafka_brokers" },
    !clients ? waiting("Clients", "clients") : { title: "Clients", value: grouped(distinct(clients, "client_id") ?? 0), note: versions === null ? "" : counted(versions, "version"), script: "px/kafka_clients" },
    !errors ? waiting("Errors", "errors") : { title: "Errors", value: grouped(failed), note: failed === 0 ? "none seen" : counted(errors.rows.length, "kind"), script: "px/kafka_errors", state: failed > 0 ? "bad" : "ok" },
    generations === null ? waiting("Rebalances", "rebalances") : { title: "Rebalances", value: grouped(generations), note: generations === 0 ? "none seen" : `of ${counted(Math.max(distinct(rebalances, "group_id") ?? 0, distinct(rebalances, "group") ?? 0), "group")}`, script: "px/kafka_consumer_rebalancing" },
    { title: "Coverage", value: head, note: status === null ? "asking…" : rest.join(": ") || "nothing known missing", script: "px/kafka_coverage", state: coverage.state },
  ]; // prettier-ignore
  return list.filter((tile) => tile !== null);
}

function Tiles(props: { data: OverviewData; status: Status | null; groups: number | null; behindCount: number }) {
  const page = usePage();
  return (
    <nav className="tiles" aria-label="at a glance">
      {tilesOf(props.data, props.status, props.groups, props.behindCount).map((tile) => {
        const place: Place = linkPlace(page.place, tile.script, page.place.args.namespace !== undefined ? { namespace: page.place.args.namespace } : {});
        return (
          <PlaceLink key={tile.title} place={place} className="tile" testId={`tile-${tile.title.toLowerCase()}`} text="" title={`open ${tile.script}`}>
            <span className="tile-title">{tile.title}</span>
            <span className="tile-value">{tile.value}</span>
            <span className={`tile-note${tile.state === "warn" || tile.state === "bad" ? ` state-${tile.state}` : ""}`}>{tile.state === "warn" || tile.state === "bad" ? <i className="dot" /> : null}{tile.note}</span>
          </PlaceLink>
        );
      })}
    </nav>
  );
}
