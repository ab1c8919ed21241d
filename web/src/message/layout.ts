/** The bytes of a message by its fields. */
import type { FieldPlace } from "../api";

export interface Segment {
  name: string;
  /** First byte, counted behind the size field. */
  offset: number;
  length: number;
}

export interface MessageLayout {
  byPath: ReadonlyMap<string, FieldPlace>;
  /** The header and the outermost fields, in the order of the wire; those whose bytes cannot be told are left out. */
  segments: readonly Segment[];
  /** Bytes of the whole message. */
  size: number;
}

const HEADER = "header/";

/** `size` is what the size field before the message says, where it is known. */
export function messageLayout(fields: readonly FieldPlace[], size: number | null): MessageLayout {
  const segments: Segment[] = [];
  let end = 0;
  for (const { path, offset, length } of fields) {
    if (offset === null || length === null) continue;
    end = Math.max(end, offset + length);
    const header = path.startsWith(HEADER);
    if (!header && path.lastIndexOf("/") !== 0) continue;
    const last = segments.at(-1);
    if (header && last?.name === "header") last.length = offset + length - last.offset;
    else if (length > 0) segments.push({ name: header ? "header" : unescaped(path.slice(1)), offset, length });
  }
  return { byPath: new Map(fields.map((field) => [field.path, field])), segments, size: Math.max(size ?? 0, end) };
}

/** A field's name as a step of a JSON pointer (RFC 6901). */
export const pointerStep = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** The last step of a JSON pointer; elements of an array go by the array's name too. */
export function fieldName(path: string): string {
  const steps = path.split("/").map(unescaped);
  const last = steps.at(-1) ?? "";
  return /^\d+$/.test(last) ? `${steps.at(-2) ?? ""} ${last}` : last;
}

const unescaped = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");

/** "12–19", "12" for one byte, "none" for no byte; `null` where it cannot be told. */
export function bytesText({ offset, length }: Pick<FieldPlace, "offset" | "length">): string | null {
  if (offset === null) return null;
  if (length === null) return `${offset}–?`;
  return length === 0 ? "none" : length === 1 ? String(offset) : `${offset}–${offset + length - 1}`;
}
