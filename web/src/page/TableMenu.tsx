/** Copy and save a table. */
import { useRef, useState } from "react";
import type { ResultTable } from "../api";
import { usePage } from "../model/context";
import { copyText, download, toCsv, toJson } from "../table/export";
import { Icon } from "./Icon";
import { useDismiss } from "./useDismiss";

interface Props {
  table: ResultTable;
  hidden?: ReadonlySet<string>;
  onHide?: (hidden: ReadonlySet<string>) => void;
}

export function TableMenu({ table, hidden, onHide }: Props) {
  const page = usePage();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  useDismiss(open, root, setOpen);
  const csv = () => toCsv(table.columns, table.rows);
  const json = () => toJson(table.columns, table.rows);
  const copy = (text: string, what: string) => {
    setOpen(false);
    void copyText(text).then((done) => { page.say(done ? `${table.numRows} rows copied as ${what}` : "the browser did not let the page copy"); });
  };
  const save = (name: string, type: string, text: string) => {
    setOpen(false);
    download(name, type, text);
  };
  return (
    <span className="menu" ref={root}>
      <button type="button" className="icon-button" data-testid={`export-${table.name}`} aria-haspopup="menu" aria-expanded={open} title="copy or save" aria-label={`copy or save ${table.name}`} onClick={() => { setOpen(!open); }}><Icon name="copy" /></button>
      {open && (
        <div className="popover menu-list" role="menu">
          <button type="button" role="menuitem" onClick={() => { copy(csv(), "CSV"); }}>copy as CSV</button>
          <button type="button" role="menuitem" onClick={() => { copy(json(), "JSON"); }}>copy as JSON</button>
          <button type="button" role="menuitem" onClick={() => { save(`${table.name}.csv`, "text/csv", csv()); }}>save CSV</button>
          <button type="button" role="menuitem" onClick={() => { save(`${table.name}.json`, "application/json", json()); }}>save JSON</button>
          {onHide && (
            <div className="menu-columns" role="group" aria-label="columns">
              <p className="muted">columns</p>
              {table.columns.map((column) => (
                <button
                  key={column.name} type="button" role="menuitemcheckbox" aria-checked={hidden?.has(column.name) !== true} data-testid={`hide-${column.name}`}
                  onClick={() => { const next = new Set(hidden); if (!next.delete(column.name) && next.size < table.columns.length - 1) next.add(column.name); onHide(next); }}
                ><span className="tick" aria-hidden="true">{hidden?.has(column.name) === true ? "" : "✓"}</span> {column.name}</button>
              ))}
            </div>
          )}
        </div>
      )}
    </span>
  );
}
