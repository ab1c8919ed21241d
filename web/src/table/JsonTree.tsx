/** Nested values as a tree that opens and closes; of a message with the type and the bytes of each field. */
import { useState } from "react";
import type { FieldPlace } from "../api";
import { bytesText, pointerStep } from "../message/layout";
import { absoluteTime, visible } from "../model/format";
import { useKafkaErrors } from "../model/kafkaErrors";

interface Props {
  value: unknown;
  name?: string;
  /** Levels that are open at first. */
  depth?: number;
  /** The value as a JSON pointer from the root. */
  path?: string;
  /** Types and bytes by JSON pointer. */
  places?: ReadonlyMap<string, FieldPlace>;
  /** Whether a value without a place was not on the wire: a default, or a name that was told by its id. */
  allPlaced?: boolean;
  onPoint?: (path: string | null) => void;
}

const MAX_CHILDREN = 200;

export function JsonTree({ value, name, depth = 3, path = "", places, allPlaced = false, onPoint }: Props) {
  const [open, setOpen] = useState(depth > 0);
  const [all, setAll] = useState(false);
  const key = name === undefined ? null : <><span className="json-key">{visible(name)}</span>: </>;
  const place = places?.get(path);
  const pointing = place && onPoint ? { onPointerEnter: () => { onPoint(path); }, onPointerLeave: () => { onPoint(null); } } : {};
  if (typeof value !== "object" || value === null) return <div className="json-line" {...pointing}><span className="json-text">{key}<Leaf value={value} /><Kind name={name} value={value} type={place?.type ?? (allPlaced ? "not on the wire" : undefined)} /></span><Bytes place={place} /></div>;
  const entries = Array.isArray(value) ? value.map((item, index): [string, unknown] => [String(index), item]) : Object.entries(value);
  const [begin, end] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <div className="json-line" {...pointing}><span className="json-text">{key}<span className="muted">{begin}{end}</span></span><Bytes place={place} /></div>;
  // A part of which nothing is placed, such as what is told of records, is made from bytes that the layout has as one.
  const split = places !== undefined && entries.some(([child]) => places.has(`${path}/${pointerStep(child)}`));
  const shown = all ? entries : entries.slice(0, MAX_CHILDREN);
  return (
    <div className="json-node">
      <button type="button" className="json-toggle" aria-expanded={open} onClick={() => { setOpen(!open); }} {...pointing} {...(place && onPoint ? { onFocus: pointing.onPointerEnter, onBlur: pointing.onPointerLeave } : {})}>
        <span className="json-text"><span className="caret" aria-hidden="true">{open ? "▾" : "▸"}</span>{key}
          <span className="muted">{open ? begin : `${begin}${Array.isArray(value) ? `${entries.length} items` : preview(entries)}${end}`}</span></span>
        <Bytes place={place} />
      </button>
      {open && (
        <div className="json-children">
          {shown.map(([child, item]) => <JsonTree key={child} name={child} value={item} depth={depth - 1} path={`${path}/${pointerStep(child)}`} {...(places ? { places, allPlaced: allPlaced && split } : {})} {...(onPoint ? { onPoint } : {})} />)}
          {shown.length < entries.length && <button type="button" className="link" onClick={() => { setAll(true); }}>{entries.length - shown.length} more</button>}
        </div>
      )}
    </div>
  );
}

function preview(entries: [string, unknown][]): string {
  const names = entries.slice(0, 3).map(([name]) => name).join(", ");
  return entries.length > 3 ? `${names}, …` : names;
}

/** What a value is, in small letters: its type, the name behind an error's number, the time of a timestamp. */
function Kind({ name, value, type }: { name: string | undefined; value: unknown; type: string | undefined }) {
  const errors = useKafkaErrors();
  const meaning = meaningText(name, value, errors);
  const text = [meaning, type ?? (meaning === "" ? kindText(value) : "")].filter((part) => part !== "").join(", ");
  return text === "" ? null : <span className="json-kind">{text}</span>;
}

function Bytes({ place }: { place: FieldPlace | undefined }) {
  const text = place ? bytesText(place) : null;
  return text === null ? null : <span className="json-bytes" title={place?.length == null ? "where it ends cannot be told" : `${place.length} byte${place.length === 1 ? "" : "s"}`}>{text}</span>;
}

/** What a number means beyond its digits: an error's name, a time. */
function meaningText(name: string | undefined, value: unknown, errors: readonly string[]): string {
  if (typeof value !== "number" || name === undefined) return "";
  if (/(^|_)error_?code$/i.test(name)) return value === 0 ? "no error" : (errors[value] ?? (value === -1 ? "UNKNOWN_SERVER_ERROR" : "unknown error"));
  return /time(stamp)?(_ms)?$/i.test(name) && value > 1e12 && value < 1e13 ? absoluteTime(value * 1e6) : "";
}

/** The type as the value shows it, where no message definition says it. */
function kindText(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return /^[A-Za-z0-9_-]{22}$/.test(value) ? "uuid" : `string ${Array.from(value).length}`;
  return "";
}

function Leaf({ value }: { value: unknown }) {
  if (value === "") return <span className="muted">(empty string)</span>;
  if (typeof value === "string") return <bdi className="json-string">{visible(value)}</bdi>;
  if (value === null || value === undefined) return <span className="muted">null</span>;
  return <span className="json-number">{String(value)}</span>;
}
