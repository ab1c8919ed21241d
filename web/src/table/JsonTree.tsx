/** Nested values as a tree that opens and closes. */
import { useState } from "react";
import { absoluteTime, visible } from "../model/format";
import { useKafkaErrors } from "../model/kafkaErrors";

interface Props {
  value: unknown;
  name?: string;
  /** Levels that are open at first. */
  depth?: number;
}

const MAX_CHILDREN = 200;

export function JsonTree({ value, name, depth = 3 }: Props) {
  const [open, setOpen] = useState(depth > 0);
  const [all, setAll] = useState(false);
  const key = name === undefined ? null : <><span className="json-key">{visible(name)}</span>: </>;
  if (typeof value !== "object" || value === null) return <div className="json-line">{key}<Leaf value={value} /><Kind name={name} value={value} /></div>;
  const entries = Array.isArray(value) ? value.map((item, index): [string, unknown] => [String(index), item]) : Object.entries(value);
  const [begin, end] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <div className="json-line">{key}<span className="muted">{begin}{end}</span></div>;
  const shown = all ? entries : entries.slice(0, MAX_CHILDREN);
  return (
    <div className="json-node">
      <button type="button" className="json-toggle" aria-expanded={open} onClick={() => { setOpen(!open); }}>
        <span className="caret" aria-hidden="true">{open ? "▾" : "▸"}</span>{key}
        <span className="muted">{open ? begin : `${begin}${Array.isArray(value) ? `${entries.length} items` : preview(entries)}${end}`}</span>
      </button>
      {open && (
        <div className="json-children">
          {shown.map(([child, item]) => <JsonTree key={child} name={child} value={item} depth={depth - 1} />)}
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

/** What a value is, in small letters: its type, the length of a text, the name behind an error's number. */
function Kind({ name, value }: { name: string | undefined; value: unknown }) {
  const errors = useKafkaErrors();
  const text = kindText(name, value, errors);
  return text === "" ? null : <span className="json-kind">{text}</span>;
}

export function kindText(name: string | undefined, value: unknown, errors: readonly string[]): string {
  if (typeof value === "number" && name !== undefined && /(^|_)error_?code$/i.test(name)) return value === 0 ? "no error" : (errors[value] ?? (value === -1 ? "UNKNOWN_SERVER_ERROR" : "unknown error"));
  if (typeof value === "number" && name !== undefined && /time(stamp)?(_ms)?$/i.test(name) && value > 1e12 && value < 1e13) return absoluteTime(value * 1e6);
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
