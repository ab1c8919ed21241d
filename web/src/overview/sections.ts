/** The parts of the page: what the rail lists, which script each one is, which key goes there. */
import { CATALOGUE, linkPlace, type Place } from "../model/location";
import type { IconName } from "../page/Icon";

export interface Section {
  key: string;
  title: string;
  icon: IconName;
  /** `null` is the start page. */
  script: string | null;
  /** Scripts that belong below it. */
  below: readonly string[];
}

export const SECTIONS: readonly Section[] = [
  { key: "o", title: "Overview", icon: "home", script: null, below: [] },
  { key: "t", title: "Topics", icon: "topic", script: "px/kafka_topics", below: ["px/kafka_topic"] },
  { key: "g", title: "Groups", icon: "group", script: "px/kafka_groups", below: ["px/kafka_group", "px/kafka_lag", "px/kafka_verdicts", "px/kafka_share_groups"] },
  { key: "b", title: "Brokers", icon: "broker", script: "px/kafka_brokers", below: [] },
  { key: "c", title: "Clients", icon: "client", script: "px/kafka_clients", below: ["px/kafka_client"] },
  { key: "f", title: "Flow", icon: "flow", script: "px/kafka_overview", below: [] },
  { key: "d", title: "Delays", icon: "clock", script: "px/kafka_producer_consumer_latency", below: [] },
  { key: "r", title: "Rebalances", icon: "rebalance", script: "px/kafka_consumer_rebalancing", below: ["px/kafka_rebalances"] },
  { key: "a", title: "Alerts", icon: "bell", script: "px/kafka_alerts", below: [] },
  { key: "e", title: "Errors", icon: "error", script: "px/kafka_errors", below: ["px/kafka_slow_requests"] },
  { key: "m", title: "Messages", icon: "message", script: "px/kafka_data", below: [] },
  { key: "v", title: "Coverage", icon: "eye", script: "px/kafka_coverage", below: [] },
  { key: "s", title: "Scripts", icon: "code", script: CATALOGUE, below: [] },
];

/** Lists of one kind and the page of one of them: what stands before it in the trail. */
const PARENTS = new Map<string, string>(Object.entries({ "px/pod": "px/pods", "px/pods": "px/namespaces", "px/node": "px/nodes", "px/service": "px/services", "px/namespace": "px/namespaces", "px/ip": "px/net_flow_graph" }));

export const sectionOf = (script: string | null): Section | undefined => SECTIONS.find((section) => section.script === script || (script !== null && section.below.includes(script)));

export interface Crumb {
  title: string;
  place: Place | null;
}

/** From the start page to where one is; the last is where one is. */
export function trail(place: Place, has: (script: string) => boolean): Crumb[] {
  const home: Crumb = { title: "Overview", place: linkPlace(place, null) };
  if (place.script === null) return [{ ...home, place: null }];
  const section = sectionOf(place.script);
  if (section?.script === place.script) return [home, { title: section.title, place: null }];
  const entity = Object.entries(place.args).find(([name, value]) => ["topic", "group_id", "group", "client_id", "pod", "node", "service", "namespace", "ip"].includes(name) && value !== "")?.[1];
  const parents: Crumb[] = [];
  if (section?.script) parents.push({ title: section.title, place: has(section.script) ? linkPlace(place, section.script) : null });
  else {
    const parent = PARENTS.get(place.script);
    if (parent !== undefined && has(parent)) parents.push({ title: parent.replace("px/", ""), place: linkPlace(place, parent) });
    else parents.push({ title: "Scripts", place: linkPlace(place, CATALOGUE) });
  }
  return [home, ...parents, { title: entity ?? place.script, place: null }];
}
