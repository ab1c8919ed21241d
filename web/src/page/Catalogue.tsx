/** All scripts by what they are about, to find one by reading. */
import { useState } from "react";
import type { ScriptSummary } from "../api";
import { searchScripts } from "../model/args";
import { usePage } from "../model/context";
import { grouped } from "../model/format";
import { linkPlace } from "../model/location";
import { SCRATCH } from "../bar/ScriptPicker";
import { PlaceLink } from "../table/CellView";
import { Icon } from "./Icon";

const topicOf = (name: string): string => (name.startsWith("px/kafka_") ? "Kafka" : name.startsWith("px/") ? "Around Kafka" : (name.split("/")[0] ?? "yours"));

export function Catalogue() {
  const page = usePage();
  const [query, setQuery] = useState("");
  const found = searchScripts(page.scripts, query);
  const topics = [...new Set(found.map((script) => topicOf(script.name)))].sort((a, b) => (a === "Kafka" ? -1 : b === "Kafka" ? 1 : a < b ? -1 : 1));
  return (
    <div className="catalogue" data-testid="catalogue">
      <p className="catalogue-search">
        <label><Icon name="search" /><span className="sr">search scripts</span><input type="search" value={query} placeholder="search by name or purpose" onChange={(event) => { setQuery(event.target.value); }} /></label>
        <span className="muted">{grouped(found.length)} of {grouped(page.scripts.length)} scripts</span>
        <span className="spacer" />
        <PlaceLink place={linkPlace(page.place, SCRATCH)} text="write your own" title="scratch pad" />
      </p>
      {topics.map((topic) => (
        <section key={topic} aria-label={topic}>
          <h2>{topic}</h2>
          <ul>{found.filter((script) => topicOf(script.name) === topic).map((script) => <Entry key={script.name} script={script} />)}</ul>
        </section>
      ))}
      {found.length === 0 && <p className="none">No script is about “{query}”.</p>}
    </div>
  );
}

function Entry({ script }: { script: ScriptSummary }) {
  const page = usePage();
  const needs = script.variables.filter((variable) => variable.required).map((variable) => variable.name);
  return (
    <li>
      <PlaceLink place={linkPlace(page.place, script.name)} text={script.name} testId="catalogue-script" />
      <span className="catalogue-short">{script.short}{needs.length > 0 && <span className="muted">, needs {needs.join(" and ")}</span>}</span>
      <span className="muted catalogue-long">{script.long}</span>
    </li>
  );
}
