/** Columns side by side: histograms, and bar charts that stand. */
import { visible } from "../model/format";
import { useTheme } from "../model/theme";
import type { Bars } from "./bars";
import { seriesColor } from "./palette";
import { stacks } from "./stacks";

export function ColumnView({ data, name, label }: { data: Bars; name: string; label: string }) {
  const theme = useTheme();
  const { rows, groups, most } = stacks(data);
  return (
    <div className="columns-chart" data-testid={`bars-${name}`} role="group" aria-label={name}>
      <ol>
        {rows.map((row) => (
          <li key={row.label} title={`${visible(row.label)}: ${row.text}${row.parts.length > 1 ? `\n${row.parts.map((part) => `${visible(part.group)} ${part.text}`).join("\n")}` : ""}`}>
            <span className="column-value">{row.total !== 0 ? row.text : ""}</span>
            <span className="column-track">{row.parts.map((part) => <i key={part.group} style={{ height: `${most > 0 ? (Math.abs(part.value) / most) * 100 : 0}%`, background: seriesColor(groups.indexOf(part.group), theme) }} />)}</span>
            <bdi className="column-label">{visible(row.label) || "(no name)"}</bdi>
          </li>
        ))}
      </ol>
      {label !== "" && <p className="axis-label">{label}</p>}
      {data.leftOut > 0 && <p className="state-warn">{data.leftOut} smaller bars left out</p>}
    </div>
  );
}
