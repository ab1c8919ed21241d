/** Marks over a time chart: a line and a flag for each, what happened on hover and focus, its page on click. */
import { type CSSProperties, useContext, useState } from "react";
import { clusterPlace, usePage } from "../model/context";
import { visible } from "../model/format";
import { clockTime } from "../model/zone";
import { type Bundle, bundled, KINDS, type Mark, type MarkKind, Marks } from "./marks";

/** Where a plot's points are, in pixels of its box, and the times at its borders in seconds since the epoch. */
export interface PlotArea {
  left: number;
  top: number;
  width: number;
  height: number;
  low: number;
  high: number;
}

const SHOWN = 6;
/** With more than these, lines would hide the chart: flags alone stay, each with its line when pointed at. */
const MANY = 24;

export function MarkLines({ area }: { area: PlotArea }) {
  const marks = useContext(Marks);
  const [open, setOpen] = useState<number | null>(null);
  const bundles = bundled(marks, area.low, area.high, area.width);
  const shown = open === null ? undefined : bundles[open];
  return (
    <div className={bundles.length > MANY ? "marks crowded" : "marks"} style={{ left: area.left, top: area.top, width: area.width, height: area.height, "--plot": `${area.height}px` } as CSSProperties}>
      {bundles.map((bundle, index) => <Flag key={bundle.marks[0]?.at} bundle={bundle} onOpen={(on) => { setOpen(on ? index : null); }} />)}
      {shown && (
        <div className="tooltip" role="tooltip" data-testid="mark-tooltip" style={{ top: 14, ...(shown.x > area.width / 2 ? { right: area.width - shown.x + 8 } : { left: shown.x + 8 }) }}>
          {shown.marks.slice(0, SHOWN).map((mark) => <div key={`${mark.at}/${mark.cluster}/${mark.group}/${mark.text}`}><span className="muted">{clockTime(mark.at * 1000)}</span> <b><bdi>{visible(mark.group)}</bdi></b> {visible(mark.text)}</div>)}
          {shown.marks.length > SHOWN && <div className="muted">and {shown.marks.length - SHOWN} more</div>}
        </div>
      )}
    </div>
  );
}

/** Where a mark leads: about one group, and about several. */
const SCRIPTS: Record<MarkKind, { one: string; several: string; arg: string | null }> = {
  rebalance: { one: "px/kafka_rebalances", several: "px/kafka_rebalances", arg: "group" },
  verdict: { one: "px/kafka_verdicts", several: "px/kafka_verdicts", arg: "group" },
  finding: { one: "px/kafka_group", several: "px/kafka_groups", arg: "group_id" },
  alert: { one: "px/kafka_alerts", several: "px/kafka_alerts", arg: null },
};

function Flag({ bundle, onOpen }: { bundle: Bundle; onOpen: (on: boolean) => void }) {
  const page = usePage();
  const first = bundle.marks[0] as Mark;
  const kind = KINDS.findLast((each) => bundle.marks.some((mark) => mark.kind === each)) ?? first.kind;
  const one = first.group !== "" && bundle.marks.every((mark) => mark.group === first.group && mark.cluster === first.cluster);
  const { arg, ...scripts } = SCRIPTS[kind];
  const script = one ? scripts.one : scripts.several;
  const known = page.scripts.some((each) => each.name === script);
  const follow = () => { if (known) page.go(clusterPlace(page, script, one && arg !== null ? { [arg]: first.group } : {}, one ? first.cluster : undefined)); };
  return (
    <button
      type="button" className={`mark mark-${kind}`} style={{ left: bundle.x }} data-testid="mark" data-kind={kind} aria-label={bundle.marks.slice(0, SHOWN).map((mark) => `${clockTime(mark.at * 1000)} ${visible(mark.group)} ${visible(mark.text)}`).join("; ")}
      onClick={follow} onPointerEnter={() => { onOpen(true); }} onPointerLeave={() => { onOpen(false); }} onFocus={() => { onOpen(true); }} onBlur={() => { onOpen(false); }}
    >
      <span className="mark-flag">{bundle.marks.length > 1 ? bundle.marks.length : ""}</span>
    </button>
  );
}
