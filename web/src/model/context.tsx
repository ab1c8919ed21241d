/** What every part of the page may need: where it is, what it can go to, the clock. */
import { createContext, useContext, useEffect, useState } from "react";
import type { Cell, Column, ScriptSummary } from "../api";
import { variableFor } from "./args";
import { type Args, linkPlace, type Place } from "./location";
import { ENTITY_SCRIPTS } from "./values";

export interface PageContext {
  place: Place;
  go: (place: Place, replace?: boolean) => void;
  scripts: readonly ScriptSummary[];
  /** Names that are pods, for columns which do not say so. */
  pods: ReadonlySet<string>;
  relativeTimes: boolean;
  toggleTimes: () => void;
  say: (text: string) => void;
}

export const Page = createContext<PageContext | null>(null);

export function usePage(): PageContext {
  const page = useContext(Page);
  if (!page) throw new Error("usePage outside of the page");
  return page;
}

/** The place that a value of a column leads to; `null` when the library has no script for it. */
export function entityPlace(page: PageContext, column: Column, value: string): Place | null {
  const target = ENTITY_SCRIPTS[column.semanticType] ?? (page.pods.has(value) ? ENTITY_SCRIPTS.POD_NAME : undefined);
  if (!target || value === "" || !page.scripts.some((script) => script.name === target.script)) return null;
  return linkPlace(page.place, target.script, { [target.arg]: value });
}

/** The same script with its argument filled from a cell, where the column's name says which argument that is. */
export function argumentPlace(page: PageContext, column: Column, value: string): Place | null {
  if (column.type !== "STRING" || value === "") return null;
  const script = page.scripts.find((candidate) => candidate.name === page.place.script);
  const variable = variableFor(column.name, script?.variables ?? []);
  if (!script || !variable || page.place.args[variable.name] === value) return null;
  return { ...page.place, script: script.name, args: { ...page.place.args, [variable.name]: value } };
}

/** Kafka's own entities by the names of their columns, for scripts that do not take them as an argument. */
const KAFKA_SCRIPTS = new Map<string, { script: string; arg: string }>(Object.entries({
  topic: { script: "px/kafka_topic", arg: "topic" },
  topic_name: { script: "px/kafka_topic", arg: "topic" },
  group: { script: "px/kafka_group", arg: "group_id" },
  group_id: { script: "px/kafka_group", arg: "group_id" },
  client_id: { script: "px/kafka_client", arg: "client_id" },
}));

/** A place of Kafka's, in the cluster where it is known: two clusters may have groups and topics of one name. */
export function clusterPlace(page: PageContext, script: string, args: Args, cluster: Cell | undefined): Place {
  const id = typeof cluster === "string" && cluster !== "" ? cluster : (page.place.args.cluster ?? "");
  const takes = page.scripts.find((each) => each.name === script)?.variables.some((variable) => variable.name === "cluster");
  return linkPlace(page.place, script, id !== "" && takes === true ? { ...args, cluster: id } : args);
}

export function kafkaPlace(page: PageContext, column: Column, value: string, cluster?: Cell): Place | null {
  const target = column.type === "STRING" ? KAFKA_SCRIPTS.get(column.name) : undefined;
  if (!target || value === "" || !page.scripts.some((script) => script.name === target.script)) return null;
  if (page.place.script === target.script && page.place.args[target.arg] === value) return null;
  return clusterPlace(page, target.script, { [target.arg]: value }, cluster);
}

/** The time, every second; one timer per user of it, and none while the page is hidden. */
export function useNow(periodMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, periodMs);
    return () => {
      clearInterval(timer);
    };
  }, [periodMs]);
  return now;
}
