/** The layout of one body, asked for when it is looked at. */
import { useEffect, useMemo, useState } from "react";
import { api, failureOf, type FieldPlace, type LayoutRequest } from "../api";
import { type MessageLayout, messageLayout } from "./layout";

interface Answer {
  key: string;
  fields: FieldPlace[] | null;
  problem: string | null;
}

/** `layout` is `null` until it is known and where it cannot be told; then `problem` says why. */
export function useLayout(request: LayoutRequest | null): { layout: MessageLayout | null; problem: string | null } {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const key = JSON.stringify(request);
  useEffect(() => {
    const wanted = JSON.parse(key) as LayoutRequest | null;
    if (wanted === null) return;
    const abort = new AbortController();
    api.layout(wanted, abort.signal).then(
      ({ fields }) => { setAnswer({ key, fields, problem: null }); },
      (error: unknown) => {
        const { kind, message } = failureOf(error);
        // Whatever else fails costs the types and bytes, not the tree.
        if (!abort.signal.aborted) setAnswer({ key, fields: null, problem: kind === "argument" ? message : null });
      },
    );
    return () => { abort.abort(); };
  }, [key]);
  const mine = answer?.key === key ? answer : null;
  const size = request?.size ?? null;
  const layout = useMemo(() => (mine?.fields ? messageLayout(mine.fields, size) : null), [mine, size]);
  return { layout, problem: mine?.problem ?? null };
}
