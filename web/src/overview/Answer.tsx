/** The first thing on the start page: who is behind, since when and why; or that nobody is. */
import type { ReactNode } from "react";
import type { ErrorBody, Status } from "../api";
import { clusterPlace, usePage } from "../model/context";
import { coverageSummary, nobodyReports, seenBy } from "../model/coverage";
import { duration, grouped, middle, visible } from "../model/format";
import { linkPlace } from "../model/location";
import { clockTime } from "../model/zone";
import { PlaceLink } from "../table/CellView";
import { isBehind } from "../model/verdict";
import { behind, behindSince, type Group, sentence } from "./groups";

const SHOWN = 3;

interface Props {
  status: Status | null;
  failure: ErrorBody | null;
  groups: readonly Group[] | null;
  executedAt: number;
  traffic: string;
  /** The groups were asked for and have not answered yet: nothing is known to be fine. */
  pending: boolean;
}

export function Answer({ status, failure, groups, executedAt, traffic, pending }: Props) {
  return (
    <section className="answer-block" data-testid="welcome" aria-label="answer" aria-live="polite">
      {status && !failure && nobodyReports(status) !== null && <p className="answer state-bad" data-testid="nobody-reports"><i className="dot" /> {nobodyReports(status)}.</p>}
      {lines({ status, failure, groups, executedAt, traffic, pending })}
    </section>
  );
}

function lines({ status, failure, groups, executedAt, traffic, pending }: Props): ReactNode {
  if (failure) return <p className="answer state-bad"><i className="dot" /> {failure.message}: {failure.hint}</p>;
  if (!status) return <p className="answer">Asking the server…</p>;
  const { requests = 0, windowS = 300 } = status.coverage;
  const about = <p className="answer-about muted">{traffic}{grouped(requests)} Kafka requests in the last {duration(windowS * 1e9)}<SeenBy source={status.source} />.</p>;
  const worst = behind(groups ?? []);
  if (requests === 0 && worst.length === 0) {
    const hidden = coverageSummary(status);
    return <p className="answer"><i className="dot state-unknown" /> {status.source === "" ? "" : `Watching by ${seenBy(status.source)}. `}No Kafka request was seen in the last {duration(windowS * 1e9)}{hidden.state === "warn" ? `; ${hidden.text}` : ""}. {status.agents.length === 0 ? "No agent reports: start one with px up or px agent." : "px doctor says what this host allows."}</p>;
  }
  if (groups === null || groups.length === 0) return <><p className="answer"><span className={pending ? "state-unknown" : "state-ok"}><i className="dot" /></span> {traffic === "" ? "Kafka's traffic is seen." : traffic}</p>{traffic === "" ? about : <p className="answer-about muted">{grouped(requests)} Kafka requests in the last {duration(windowS * 1e9)}<SeenBy source={status.source} />.</p>}</>;
  if (worst.length === 0) {
    const fine = groups.filter((group) => group.verdict?.state === "ok").length;
    const unknown = groups.length - fine;
    return <><p className="answer"><span className="state-ok"><i className="dot" /></span> {fine === 0 ? "Nothing is known yet of how the groups do" : fine === 1 ? `${visible(groups.find((group) => group.verdict?.state === "ok")?.name ?? "")} keeps up` : `All ${grouped(fine)} groups keep up`}{unknown > 0 && fine > 0 ? `; of ${grouped(unknown)} it is not known` : ""}.</p>{about}</>;
  }
  return (
    <>
      {worst.slice(0, SHOWN).map((group, index) => <Line key={`${group.cluster}/${group.name}`} group={group} several={severalClusters(groups)} executedAt={executedAt} first={index === 0} />)}
      {worst.length > SHOWN && <MoreLine count={worst.length - SHOWN} />}
      {about}
    </>
  );
}

/** The kernel's hooks are for who asks. */
const SeenBy = ({ source }: { source: string }) => (source === "" ? null : <>, seen by <span title={visible(source)}>{visible(seenBy(source))}</span></>);

const severalClusters = (groups: readonly Group[]): boolean => new Set(groups.map((group) => group.cluster)).size > 1;

/** Which of the clusters, where there are several. */
const Where = ({ group, several }: { group: Group; several: boolean }) => (several && group.cluster !== "" ? <span className="muted">in <bdi>{visible(middle(group.cluster, 24))}</bdi> </span> : null);

/** The first says why; the others have it in the table. */
function Line({ group, several, executedAt, first }: { group: Group; several: boolean; executedAt: number; first: boolean }) {
  const page = usePage();
  const since = behindSince(group, executedAt);
  const has = (script: string) => page.scripts.some((each) => each.name === script);
  const name = visible(group.name);
  return (
    <p className="answer" data-testid="answer" data-group={group.name}>
      <span className={`state-${group.verdict?.state ?? "unknown"}`}><i className="dot" /> <b className="answer-word">{group.verdict?.word}</b></span>{" "}
      {has("px/kafka_group") ? <PlaceLink place={clusterPlace(page, "px/kafka_group", { group_id: group.name }, group.cluster)} text={name} title="why" /> : <b>{name}</b>}{" "}
      <Where group={group} several={several} />{visible(sentence(group))}{since !== null && <span className="muted" title={group.since === null ? "the oldest record it has not read is from then" : "it was found then"}>, since {clockTime(since)}</span>}
      {first && group.reason !== "" && <span className="answer-reason muted">{visible(group.reason)}</span>}
    </p>
  );
}

/** What is known of one group, on its own page; of each cluster's where several have one of that name. */
export function GroupAnswer({ groups, name, cluster, executedAt }: { groups: readonly Group[]; name: string; cluster: string; executedAt: number }) {
  const mine = groups.filter((group) => group.name === name && (cluster === "" || group.cluster === cluster));
  return mine.length === 0 ? null : (
    <section className="answer-block" aria-label="answer" aria-live="polite">
      {mine.map((group) => (isBehind(group.verdict) ? <Line key={group.cluster} group={group} several={severalClusters(mine)} executedAt={executedAt} first />
        : <p key={group.cluster} className="answer" data-testid="answer" data-group={group.name}><span className={`state-${group.verdict?.state ?? "unknown"}`}><i className="dot" /> <b className="answer-word">{group.verdict?.word}</b></span> <Where group={group} several={severalClusters(mine)} />{group.lag === null ? "how far it is behind is not known" : group.lag === 0 ? "nothing is left to read" : `${grouped(group.lag)} record${group.lag === 1 ? " is" : "s are"} left to read`}</p>))}
    </section>
  );
}

function MoreLine({ count }: { count: number }) {
  const page = usePage();
  return <p className="answer-about"><PlaceLink place={linkPlace(page.place, "px/kafka_groups")} text={`${grouped(count)} more ${count === 1 ? "group is" : "groups are"} behind`} /></p>;
}
