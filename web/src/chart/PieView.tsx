/** A ring of shares with the numbers beside it; small shares are told together. */
import { useState } from "react";
import { percent, visible } from "../model/format";
import { useTheme } from "../model/theme";
import type { Bars } from "./bars";
import { seriesColor } from "./palette";
import { slices } from "./shares";

const R = 15.9155; // of a circle whose length is 100: shares are dash lengths

export function PieView({ data, name }: { data: Bars; name: string }) {
  const theme = useTheme();
  const [pointed, setPointed] = useState<number | null>(null);
  const parts = slices(data);
  const shown = pointed === null ? undefined : parts[pointed];
  return (
    <div className="pie" data-testid={`pie-${name}`}>
      <svg viewBox="0 0 42 42" role="img" aria-label={`${name}: ${parts.map((part) => `${part.label} ${percent(part.share)}`).join(", ")}`}>
        {parts.map((part, index) => (
          <circle
            key={part.label} cx="21" cy="21" r={R} fill="none" stroke={part.rest ? "var(--line-strong)" : seriesColor(index, theme)} strokeWidth={pointed === index ? 8 : 6.5} pathLength="100"
            strokeDasharray={`${Math.max(part.share * 100 - (parts.length > 1 ? 0.4 : 0), 0.1)} 100`} strokeDashoffset={-part.before * 100} transform="rotate(-90 21 21)"
            onPointerEnter={() => { setPointed(index); }} onPointerLeave={() => { setPointed(null); }}
          />
        ))}
        <text x="21" y="20.8" className="pie-value">{shown ? percent(shown.share) : data.totalText}</text>
        <text x="21" y="25" className="pie-name">{shown ? shown.text : "total"}</text>
      </svg>
      <ul className="pie-legend">
        {parts.map((part, index) => (
          <li key={part.label} className={pointed === index ? "pointed" : undefined} onPointerEnter={() => { setPointed(index); }} onPointerLeave={() => { setPointed(null); }} title={visible(part.label)}>
            <i style={{ background: part.rest ? "var(--line-strong)" : seriesColor(index, theme) }} /><bdi>{visible(part.label) || "(no name)"}</bdi><span>{part.text}</span><span className="muted">{percent(part.share)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
