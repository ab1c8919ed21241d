/** Bars from left to right with their values beside them. */
import type { Bars } from "./bars";
import { seriesColor } from "./palette";
import { useTheme } from "../model/theme";
import { visible } from "../model/format";

export function BarView({ data, name }: { data: Bars; name: string }) {
  const theme = useTheme();
  const most = Math.max(...data.bars.map((bar) => Math.abs(bar.value)), 0);
  const groups = [...new Set(data.bars.map((bar) => bar.group))];
  return (
    <div className="bars" data-testid={`bars-${name}`} role="table" aria-label={name}>
      {data.bars.map((bar, index) => (
        <div key={index} className="bar" role="row" title={`${visible(bar.label)}${bar.group === "" ? "" : `, ${visible(bar.group)}`}: ${bar.text}`}>
          <bdi className="bar-label" role="cell">{visible(bar.label) || "(no name)"}{bar.group !== "" && <span className="muted"> {visible(bar.group)}</span>}</bdi>
          <span className="bar-track"><i style={{ width: `${most > 0 ? (Math.abs(bar.value) / most) * 100 : 0}%`, background: seriesColor(groups.indexOf(bar.group), theme) }} /></span>
          <span className="bar-value" role="cell">{bar.text}</span>
        </div>
      ))}
      {data.leftOut > 0 && <p className="state-warn">{data.leftOut} smaller bars left out</p>}
    </div>
  );
}
