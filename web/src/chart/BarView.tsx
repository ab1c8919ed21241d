/** Bars from left to right with their values beside them, in parts where the chart stacks or groups. */
import { visible } from "../model/format";
import { useTheme } from "../model/theme";
import type { Bars } from "./bars";
import { seriesColor } from "./palette";
import { stacks } from "./stacks";

/** More names than this would take the room of the bars; hovering tells all. */
const NAMED = 8;

export function BarView({ data, name }: { data: Bars; name: string }) {
  const theme = useTheme();
  const { rows, groups, most } = stacks(data);
  return (
    <div className="bars" data-testid={`bars-${name}`} role="table" aria-label={name}>
      {groups.length > 1 && <p className="bar-groups" role="presentation">{groups.slice(0, NAMED).map((group, index) => <span key={group}><i style={{ background: seriesColor(index, theme) }} /><bdi>{visible(group) || "(no name)"}</bdi></span>)}{groups.length > NAMED && <span className="muted">and {groups.length - NAMED} more</span>}</p>}
      {rows.map((row) => (
        <div key={row.label} className="bar" role="row" title={`${visible(row.label)}: ${row.text}${row.parts.length > 1 ? `\n${row.parts.map((part) => `${visible(part.group)} ${part.text}`).join("\n")}` : ""}`}>
          <bdi className="bar-label" role="cell">{visible(row.label) || "(no name)"}</bdi>
          <span className="bar-track" role="presentation">{row.parts.map((part) => <i key={part.group} style={{ width: `${most > 0 ? (Math.abs(part.value) / most) * 100 : 0}%`, background: seriesColor(groups.indexOf(part.group), theme) }} />)}</span>
          <span className="bar-value" role="cell">{row.text}</span>
        </div>
      ))}
      {data.leftOut > 0 && <p className="state-warn">{data.leftOut} smaller bars left out</p>}
    </div>
  );
}
