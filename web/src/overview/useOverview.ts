/** What the start page and the rail know: one run for each of the scripts that they show. */
import { useMemo, useState } from "react";
import type { ErrorBody, RunRequest, RunResult, ScriptSummary } from "../api";
import type { LiveState } from "../model/live";
import type { Place } from "../model/location";
import { useLive } from "../page/useLive";
import { keepRows, reader, tableWith } from "./columns";

/** Each feed with the scripts that can answer it, the best first. */
const FEEDS = {
  groups: ["px/kafka_groups"],
  topics: ["px/kafka_topics"],
  flow: ["px/kafka_overview"],
  brokers: ["px/kafka_brokers"],
  clients: ["px/kafka_clients"],
  errors: ["px/kafka_errors"],
  rebalances: ["px/kafka_rebalances", "px/kafka_consumer_rebalancing"],
  verdicts: ["px/kafka_verdicts"],
  alerts: ["px/kafka_alerts"],
} as const;

export type FeedName = keyof typeof FEEDS;

export interface Feed {
  script: string | null;
  result: RunResult | null;
  error: ErrorBody | null;
}

export interface OverviewData {
  feeds: Record<FeedName, Feed>;
  /** All feeds as one run, for the bar. */
  live: LiveState;
  runNow: () => void;
}

/** Between runs elsewhere than on the start page, where only the rail's count of groups and the marks in charts need them. */
const RAIL_MS = 15_000;

/** `charts` is the time window of the time charts on the page, whose marks need what happened in it; `null` where there are none. */
export function useOverview(place: Place, home: boolean, scripts: readonly ScriptSummary[] | null, intervalMs: number, charts: string | null): OverviewData {
  const asked = { place, scripts, start: place.args.start_time };
  const slower = intervalMs === 0 ? 0 : Math.max(intervalMs * 2, 5000);
  const beside = intervalMs === 0 ? 0 : Math.max(intervalMs, RAIL_MS);
  const inCharts = { ...asked, start: charts ?? undefined };
  const groups = useFeed("groups", asked, true, home ? intervalMs : beside);
  const topics = useFeed("topics", asked, home, intervalMs);
  const flow = useFeed("flow", asked, home, slower);
  const brokers = useFeed("brokers", asked, home, slower);
  const clients = useFeed("clients", asked, home, slower);
  const errors = useFeed("errors", asked, home, slower);
  const rebalances = useFeed("rebalances", home ? asked : inCharts, home || charts !== null, home ? slower : beside);
  const verdicts = useFeed("verdicts", inCharts, charts !== null, beside);
  const alerts = useFeed("alerts", inCharts, charts !== null, beside);
  const inNamespace = useMemo(() => ofGroups(rebalances.feed, place.args.namespace ? groups.feed.result : null), [rebalances.feed.result, rebalances.feed.error, place.args.namespace, groups.feed.result]); // eslint-disable-line react-hooks/exhaustive-deps -- a feed is its result and its error
  const shown = { groups, topics, flow, brokers, clients, errors, rebalances: { ...rebalances, feed: inNamespace } };
  const all = { ...shown, verdicts, alerts };
  const lives = Object.values(shown).filter((each) => each.feed.script !== null).map((each) => each.live);
  // One script that fails is told where it would stand; the page fails when none answers.
  const first = lives.every((each) => each.error !== null) ? lives[0] : undefined;
  const received = lives.map((each) => each.receivedAt).filter((at) => at > 0);
  return {
    feeds: Object.fromEntries(Object.entries(all).map(([name, each]) => [name, each.feed])) as Record<FeedName, Feed>,
    live: {
      result: null, answered: null, error: first?.error ?? null, loading: lives.some((each) => each.loading), receivedAt: received.length === 0 ? 0 : Math.max(...received),
      transport: lives.some((each) => each.transport === "polling") ? "polling" : (lives[0]?.transport ?? "none"),
    },
    runNow: () => { for (const each of Object.values(all)) each.runNow(); },
  }; // prettier-ignore
}

/** Rebalances know no namespaces; the groups do. */
function ofGroups(feed: Feed, groups: RunResult | null): Feed {
  const table = tableWith(groups, "group", "status");
  if (feed.result === null || table === null) return feed;
  const read = reader(table);
  return { ...feed, result: keepRows(feed.result, "group", new Set(table.rows.map((row) => read(row, "group")))) };
}

interface Asked {
  place: Place;
  scripts: readonly ScriptSummary[] | null;
  start: string | undefined;
}

function useFeed(name: FeedName, { place, scripts, start }: Asked, wanted: boolean, intervalMs: number): { feed: Feed; live: LiveState; runNow: () => void } {
  const summary = FEEDS[name].map((script) => scripts?.find((each) => each.name === script)).find((each) => each !== undefined);
  const [namespace, until] = [place.args.namespace, place.view.until];
  const request = useMemo((): RunRequest | null => {
    if (!wanted || !summary || summary.variables.some((variable) => variable.required)) return null;
    const takes = (variable: string, value: string | undefined) => (value !== undefined && value !== "" && summary.variables.some((each) => each.name === variable) ? { [variable]: value } : {});
    return { script: summary.name, args: { ...takes("start_time", start), ...takes("namespace", namespace) }, ...(until === undefined ? {} : { until }) };
  }, [wanted, summary, start, namespace, until]);
  const [live, runNow] = useLive(request, intervalMs);
  // What was known when the start page was left is shown until there is news.
  const [last, setLast] = useState<RunResult | null>(null);
  if (live.result !== null && live.result !== last) setLast(live.result);
  return { feed: { script: summary?.name ?? null, result: live.result ?? last, error: live.error }, live, runNow };
}
