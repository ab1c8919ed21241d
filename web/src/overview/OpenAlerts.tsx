/** The alerts that are open, the newest first, each with a way to what it is about. */
import type { AlertEvent, Alerts } from "../api";
import { clusterPlace, usePage } from "../model/context";
import { grouped, visible } from "../model/format";
import { linkPlace, type Place } from "../model/location";
import { clockTime } from "../model/zone";
import { PlaceLink } from "../table/CellView";
import { alertArgs, alertProblem, ALERTS_SCRIPT, besideSubject, severityState } from "./alerts";

const SHOWN = 5;
/** What an alert may be about and the script that says more of it, the narrowest last. */
const SUBJECTS = [
  { label: "group", script: "px/kafka_group", arg: "group_id" },
  { label: "client", script: "px/kafka_client", arg: "client_id" },
  { label: "topic", script: "px/kafka_topic", arg: "topic" },
] as const;

/** `open` are those of `alerts` that the page is about. */
export function OpenAlerts({ alerts, open }: { alerts: Alerts; open: readonly AlertEvent[] }) {
  const page = usePage();
  const problem = alertProblem(alerts);
  const more = open.length - SHOWN;
  const hidden = open.slice(SHOWN).filter((each) => severityState(each.severity) === "bad").length;
  const all = linkPlace(page.place, ALERTS_SCRIPT, alertArgs(open, Date.now()));
  return (
    <>
      {problem !== null && <p className="note level-warning" role="status" data-testid="alert-problem">{visible(problem)}</p>}
      {open.length > 0 && (
        <section className="alerts" aria-label="open alerts" data-testid="open-alerts">
          <h2><PlaceLink place={all} text={open.length === 1 ? "1 alert is open" : `${grouped(open.length)} alerts are open`} /></h2>
          <ul>{open.slice(0, SHOWN).map((alert) => <Line key={`${alert.alert}/${JSON.stringify(alert.labels)}`} alert={alert} />)}</ul>
          {more > 0 && <p className="answer-about"><PlaceLink place={all} text={`${grouped(more)} more`} />{hidden > 0 && <span className="state-bad">, {grouped(hidden)} critical</span>}</p>}
        </section>
      )}
    </>
  );
}

function Line({ alert }: { alert: AlertEvent }) {
  const page = usePage();
  const { cluster, partition } = alert.labels;
  const subjects = SUBJECTS.flatMap(({ label, script, arg }) => {
    const name = alert.labels[label];
    return name ? [{ name, place: page.scripts.some((each) => each.name === script) ? clusterPlace(page, script, { [arg]: name }, cluster) : null }] : [];
  });
  return (
    <li data-testid="open-alert" data-alert={alert.alert}>
      <span className={`state-${severityState(alert.severity)}`}><i className="dot" /> {visible(alert.severity)}</span>
      <span className="alert-subject">{subjects.length === 0 ? <bdi>{visible(alert.subject)}</bdi> : subjects.map(({ name, place }, index) => <Subject key={index} name={name} place={place} />)}{partition ? <span className="muted"> partition {visible(partition)}</span> : null}</span>
      <span className="alert-summary">{visible(besideSubject(alert))}</span>
      <span className="muted" title={`${visible(alert.alert)}: opened ${clockTime(alert.time)}`}>since {clockTime(alert.since)}</span>
    </li>
  );
}

function Subject({ name, place }: { name: string; place: Place | null }) {
  return place ? <PlaceLink place={place} text={visible(name)} title={name} /> : <bdi>{visible(name)}</bdi>;
}
