/** The body of a request or response: as a tree with types and bytes where it could be read, as text where it could not. */
import { useMemo, useState } from "react";
import type { Cell, LayoutRequest } from "../api";
import { visible } from "../model/format";
import { nestedJson } from "../model/values";
import { JsonTree } from "../table/JsonTree";
import { ByteRuler } from "./ByteRuler";
import { useLayout } from "./useLayout";

export function MessageBody({ value, request }: { value: Cell; /** What to ask the layout with; `null` where the row does not say enough. */ request: LayoutRequest | null }) {
  const parsed = useMemo(() => nestedJson(value), [value]);
  const { layout, whole, problem } = useLayout(parsed === undefined ? null : request);
  const [pointed, setPointed] = useState<string | null>(null);
  const tree = useMemo(() => <JsonTree value={parsed} depth={6} {...(layout ? { places: layout.byPath, allPlaced: whole, onPoint: setPointed } : {})} />, [parsed, layout, whole]);
  if (parsed !== undefined)
    return (
      <>
        {layout && layout.size > 0 && <ByteRuler layout={layout} pointed={pointed} />}
        {problem !== null && <p className="muted">{problem}</p>}
        {tree}
      </>
    );
  if (value === null || value === "") return <p className="muted">no body: this request or response was not seen, or the API has none</p>;
  const text = String(value);
  return (
    <>
      {text.endsWith("[TRUNCATED]") && <p className="state-warn">cut at the column's limit: what follows was not kept</p>}
      <pre dir="ltr">{visible(text)}</pre>
    </>
  );
}
