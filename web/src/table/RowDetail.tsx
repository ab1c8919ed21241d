/** All of one row: every column, bodies as trees, the request beside the response. */
import { useEffect, useRef } from "react";
import type { Cell, Column, LayoutRequest } from "../api";
import { MessageBody } from "../message/MessageBody";
import { usePage } from "../model/context";
import { grouped, toNumber } from "../model/format";
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
const PANES = new Map<string, string>(Object.entries({ req_body: "Request", resp: "Response", resp_body: "Response", request: "Request", response: "Response" }));

export function RowDetail({ columns, row, gone, onClose, onNarrow }: Props) {
  const page = usePage();
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => { close.current?.scrollIntoView({ block: "nearest", inline: "nearest" }); }, []);
  const panes = columns.flatMap((column, index) => (PANES.has(column.name) && column.type === "STRING" ? [{ column, value: row[index] ?? null }] : []));
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
      {read !== null && <p className="captured muted" data-testid="captured">{read}</p>}
      {why && (
        <div className="why" role="note" data-testid="why-incomplete">
          <p><b>{outcome}</b>. {why.what}</p>
          {why.hint !== "" && <p className="muted">{why.hint}</p>}
        </div>
      )}
      <dl className="facts">
        {facts.map(({ column, value }) => (
          <div key={column.name}>
            <dt>{onNarrow && filterable(column, value) ? <button type="button" className="narrow" title={`show only rows with this ${column.name}`} onClick={() => { onNarrow(`${column.name}=${/[\s"]/.test(String(value)) ? `"${String(value)}"` : String(value)}`); }}>{column.name}</button> : column.name}</dt>
            <dd>{column.type === "STRING" && nestedJson(value) !== undefined && !isReference(column) && !isStatus(column) && !isQuantiles(column)
              ? <JsonTree value={nestedJson(value)} />
              : value === "" ? <span className="muted">(empty string)</span> : <CellView value={value} column={column} api={api} outcome={cell("outcome") ?? undefined} cluster={cell("cluster") ?? cell("cluster_id")} />}</dd>
          </div>
        ))}
      </dl>
      {panes.length > 0 && (
        <div className="panes">
          {panes.map(({ column, value }) => (
            <section key={column.name} data-testid={`detail-${column.name}`}>
              <h4>{PANES.get(column.name)} <span className="muted">{column.name}</span></h4>
              <MessageBody value={value} request={layoutRequest(cell, column.name, value)} />
            </section>
          ))}
        </div>
      )}
    </aside>
  );
}

/** What was kept of both messages; the contents of records are left out on purpose, so that less is kept of a whole request too. */
function captured(kept: Cell, declared: Cell): string | null {
  const [have, all] = [toNumber(kept), toNumber(declared)];
  return have === null || all === null || have >= all ? null : `captured ${grouped(have)} of ${grouped(all)} bytes`;
}

const RESPONSES = new Set(["resp", "resp_body", "response"]);

/** `null` where the row does not say which message definition the body has. */
function layoutRequest(cell: (name: string) => Cell, body: string, value: Cell): LayoutRequest | null {
  const [api, version] = [cell("req_cmd"), toNumber(cell("api_version"))];
  if (typeof api !== "string" || version === null || version < 0 || typeof value !== "string") return null;
  const response = RESPONSES.has(body);
  const [client, size] = [cell("client_id"), toNumber(cell(response ? "resp_bytes" : "req_bytes"))];
  return { api, apiVersion: version, response, body: value, ...(typeof client === "string" ? { clientId: client } : {}), ...(size === null ? {} : { size }) };
}

/** Plain values can be asked for; links, times and bodies have other ways. */
const filterable = (column: Column, value: Cell): boolean => value !== null && value !== "" && String(value).length < 120 && column.type !== "TIME64NS" && !isReference(column) && !isStatus(column) && !isQuantiles(column) && nestedJson(value) === undefined;
