/** All of one row: every column, bodies as trees, the request beside the response. */
import { useEffect, useRef } from "react";
import type { Cell, Column } from "../api";
import { usePage } from "../model/context";
import { bytes, toNumber, visible } from "../model/format";
import { nestedJson, isQuantiles, isReference, isStatus } from "../model/values";
import { Icon } from "../page/Icon";
import { CellView } from "./CellView";
import { copyText, rowObject } from "./export";
import { JsonTree } from "./JsonTree";
import { outcomeText } from "./outcome";

interface Props {
  columns: readonly Column[];
  row: readonly Cell[];
  gone: boolean;
  onClose: () => void;
  onNarrow?: ((condition: string) => void) | undefined;
}

/** Columns whose text is a body worth a pane of its own. */
const PANES: Record<string, string> = { req_body: "Request", resp: "Response", resp_body: "Response", request: "Request", response: "Response" };

export function RowDetail({ columns, row, gone, onClose, onNarrow }: Props) {
  const page = usePage();
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => { close.current?.scrollIntoView({ block: "nearest", inline: "nearest" }); }, []);
  const panes = columns.flatMap((column, index) => (PANES[column.name] !== undefined && column.type === "STRING" ? [{ column, value: row[index] ?? null }] : []));
  const facts = columns.flatMap((column, index) => (panes.some((pane) => pane.column === column) ? [] : [{ column, value: row[index] ?? null }]));
  const api = row[columns.findIndex((column) => column.name === "req_cmd")];
  const cell = (name: string) => row[columns.findIndex((column) => column.name === name)] ?? null;
  const outcome = String(cell("outcome") ?? "");
  const why = outcomeText(outcome);
  const read = captured(cell("captured_bytes"), cell("declared_bytes"));
  const copy = () => {
    void copyText(JSON.stringify(rowObject(columns, row), null, 2)).then((done) => { page.say(done ? "row copied as JSON" : "the browser did not let the page copy"); });
  };
  return (
    <aside className="detail" data-testid="row-detail" aria-label="row detail" onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); onClose(); } }}>
      <header>
        <h3>Row{gone && <span className="muted"> (no longer in the result)</span>}</h3>
        <button type="button" className="icon-button" onClick={copy} title="copy as JSON" aria-label="copy row as JSON"><Icon name="copy" /></button>
        <button ref={close} type="button" className="icon-button" onClick={onClose} title="close  (esc)" aria-label="close row detail"><Icon name="close" /></button>
      </header>
      {why && (
        <div className="why" role="note" data-testid="why-incomplete">
          <p><b>{outcome}</b>{read === null ? "" : `, ${read}`}. {why.what}</p>
          {why.hint !== "" && <p className="muted">{why.hint}</p>}
        </div>
      )}
      <dl className="facts">
        {facts.map(({ column, value }) => (
          <div key={column.name}>
            <dt>{onNarrow && filterable(column, value) ? <button type="button" className="narrow" title={`show only rows with this ${column.name}`} onClick={() => { onNarrow(`${column.name}=${/[\s"]/.test(String(value)) ? `"${String(value)}"` : String(value)}`); }}>{column.name}</button> : column.name}</dt>
            <dd>{column.type === "STRING" && nestedJson(value) !== undefined && !isReference(column) && !isStatus(column) && !isQuantiles(column)
              ? <JsonTree value={nestedJson(value)} />
              : value === "" ? <span className="muted">(empty string)</span> : <CellView value={value} column={column} api={api} />}</dd>
          </div>
        ))}
      </dl>
      {panes.length > 0 && (
        <div className="panes">
          {panes.map(({ column, value }) => (
            <section key={column.name} data-testid={`detail-${column.name}`}>
              <h4>{PANES[column.name]} <span className="muted">{column.name}</span></h4>
              <Body value={value} />
            </section>
          ))}
        </div>
      )}
    </aside>
  );
}

function captured(kept: Cell, declared: Cell): string | null {
  const [have, all] = [toNumber(kept), toNumber(declared)];
  return have === null || all === null || have >= all ? null : `${bytes(have)} of ${bytes(all)} were captured`;
}

/** Plain values can be asked for; links, times and bodies have other ways. */
const filterable = (column: Column, value: Cell): boolean => value !== null && value !== "" && String(value).length < 120 && column.type !== "TIME64NS" && !isReference(column) && !isStatus(column) && !isQuantiles(column) && nestedJson(value) === undefined;

function Body({ value }: { value: Cell }) {
  const parsed = nestedJson(value);
  if (parsed !== undefined) return <JsonTree value={parsed} depth={6} />;
  if (value === null || value === "") return <p className="muted">no body: this request or response was not seen, or the API has none</p>;
  const text = String(value);
  const cut = text.endsWith("[TRUNCATED]");
  return (
    <>
      {cut && <p className="state-warn">cut at the column's limit: what follows was not kept</p>}
      <pre dir="ltr">{visible(text)}</pre>
    </>
  );
}
