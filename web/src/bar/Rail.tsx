/** The parts of the page, always at hand, with what is wrong beside them. */
import { useEffect, useRef } from "react";
import type { AlertEvent, Status } from "../api";
import { usePage } from "../model/context";
import { coverageSummary } from "../model/coverage";
import { grouped } from "../model/format";
import { type Args, CATALOGUE, linkPlace } from "../model/location";
import { alertArgs, ALERTS_SCRIPT, alertsState } from "../overview/alerts";
import { sectionOf, SECTIONS, type Section } from "../overview/sections";
import { Icon } from "../page/Icon";
import { PlaceLink } from "../table/CellView";

interface Props {
  status: Status | null;
  behind: number;
  groups: number | null;
  /** Those that are open. */
  alerts: readonly AlertEvent[];
}

export function Rail({ status, behind, groups, alerts }: Props) {
  const page = usePage();
  const here = sectionOf(page.place.script);
  const rail = useRef<HTMLElement>(null);
  // On a phone the parts stand in a row that is wider than the screen.
  useEffect(() => { rail.current?.querySelector(".here")?.scrollIntoView({ block: "nearest", inline: "center" }); }, [here]);
  const has = (script: string) => page.scripts.some((each) => each.name === script);
  const badge = (section: Section) => {
    if (section.script === "px/kafka_groups" && groups !== null) return behind > 0 ? <span className="badge state-warn" title={`${behind} behind`}>▲ {grouped(behind)}</span> : <span className="badge muted">{grouped(groups)}</span>;
    if (section.script === ALERTS_SCRIPT && alerts.length > 0) return <span className={`badge state-${alertsState(alerts)}`} title={`${alerts.length} open`}><i className="dot" /> {grouped(alerts.length)}</span>;
    if (section.script === "px/kafka_coverage" && status && coverageSummary(status).state !== "ok") return <span className={`badge state-${coverageSummary(status).state}`} title={coverageSummary(status).text}><i className="dot" /></span>;
    return null;
  };
  const args = (section: Section): Args => {
    if (section.script === CATALOGUE) return {};
    return { ...(page.place.args.namespace === undefined ? {} : { namespace: page.place.args.namespace }), ...(section.script === ALERTS_SCRIPT ? alertArgs(alerts, Date.now()) : {}) };
  };
  return (
    <nav className="rail" ref={rail} aria-label="parts" data-testid="rail">
      {SECTIONS.filter((section) => section.script === null || section.script === CATALOGUE || has(section.script)).map((section) => (
        <PlaceLink
          key={section.key} place={linkPlace(page.place, section.script, args(section))}
          className={`rail-link${section === here ? " here" : ""}`} text="" title={`${section.title}  (g ${section.key})`} testId={`rail-${section.title.toLowerCase()}`}
        >
          <Icon name={section.icon} /> <span className="rail-title">{section.title}</span>{badge(section)}
        </PlaceLink>
      ))}
    </nav>
  );
}
