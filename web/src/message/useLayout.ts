/** The layout of one body, asked for when it is looked at. */
import { useEffect, useMemo, useState } from "react";
import { api, failureOf, type FieldPlace, type LayoutRequest } from "../api";
import { type MessageLayout, messageLayout } from "./layout";

interface Answer {
  key: string;
  fields: FieldPlace[] | null;
  truncated: boolean;
  problem: string | null;
}

/** `layout` is `null` until it is known and where it cannot be told; then `problem` says why. `whole` is false where the answer holds only the first fields. */
export function useLayout(request: LayoutRequest | null): { layout: MessageLayout | null; whole: boolean; problem: string | null } {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const key = JSON.stringify(request);
  useEffect(() => {
    const wanted = JSON.parse(key) as LayoutRequest | null;
    if (wanted === null) return;
    const abort = new AbortController();
    api.layout(wanted, abort.signal).then(
      ({ fields, truncated }) => { setAnswer({ key, fields, truncated, problem: null }); },
      (error: unknown) => {
        const { kind, message } = failureOf(error);
        // Whatever else fails costs the types and bytes, not the tree.
        if (!abort.signal.aborted) setAnswer({ key, fields: null, truncated: false, problem: kind === "argument" ? message : null });
      },
    );
    return () => { abort.abort(); };
  }, [key]);
  const mine = answer?.key === key ? answer : null;
  const size = request?.size ?? null;
  const layout = useMemo(() => (mine?.fields ? messageLayout(mine.fields, size) : null), [mine, size]);
  return { layout, whole: mine?.truncated !== true, problem: mine?.problem ?? null };
}
