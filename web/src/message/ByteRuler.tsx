/** A message from its first byte to its last: the outermost fields side by side, and where the field is that is pointed at. */
import { useState } from "react";
import { grouped, visible } from "../model/format";
import { bytesText, fieldName, type MessageLayout, type Segment } from "./layout";

/** Below this share of the message a segment would be a hairline that nobody can point at. */
const LEAST_SHARE = 0.004;

export function ByteRuler({ layout, pointed }: { layout: MessageLayout; pointed: string | null }) {
  const [own, setOwn] = useState<Segment | null>(null);
  const { segments, size } = layout;
  const place = pointed === null ? undefined : layout.byPath.get(pointed);
  const span = (offset: number, length: number) => ({ left: `${(offset / size) * 100}%`, width: `${Math.max(length / size, LEAST_SHARE) * 100}%` });
  const about = place ? `${visible(fieldName(place.path))}: ${place.type}` : own ? visible(own.name) : "";
  const at = bytesText(place ?? own ?? { offset: null, length: null });
  return (
    <div className="ruler" data-testid="ruler" role="img" aria-label={`${grouped(size)} bytes: ${segments.slice(0, 20).map((segment) => `${visible(segment.name)} ${bytesText(segment) ?? ""}`).join(", ")}`}>
      <div className="ruler-track" onPointerLeave={() => { setOwn(null); }}>
        {segments.map((segment) => <i key={`${segment.name}/${segment.offset}`} className="ruler-segment" style={span(segment.offset, segment.length)} onPointerEnter={() => { setOwn(segment); }} />)}
        {place?.offset != null && <i className="ruler-pointed" style={span(place.offset, place.length ?? size - place.offset)} />}
      </div>
      <p className="ruler-text"><span>{about === "" ? `${grouped(size)} bytes` : about}</span>{at !== null && about !== "" && <span>{at === "none" ? "no bytes" : `bytes ${at} of ${grouped(size)}`}</span>}</p>
    </div>
  );
}
