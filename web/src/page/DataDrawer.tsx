/** Every table that a run gave, with how long it took. */
import { type PointerEvent, useState } from "react";
import type { RunResult } from "../api";
import { bytes, duration, grouped } from "../model/format";
import { DataTable } from "../table/DataTable";
import { drag } from "../graph/useViewport";
import { Icon } from "./Icon";
import { TableMenu } from "./TableMenu";
import { rowCount } from "./Widget";

export function DataDrawer({ result, onClose }: { result: RunResult | null; onClose: () => void }) {
  const [tab, setTab] = useState<string | null>(null);
  const [filter, setFilter] = useState("");
  const [height, setHeight] = useState(320);
  const tables = result?.tables ?? [];
  const stats = tab === "\u0000stats";
  const table = stats ? undefined : (tables.find((candidate) => candidate.name === tab) ?? tables[0]);
  const resize = (event: PointerEvent) => {
    const [from, start] = [event.clientY, height];
    drag((moved) => { setHeight(Math.min(Math.max(start + from - moved.clientY, 120), innerHeight - 120)); });
  };
  return (
    <section className="drawer" data-testid="data-drawer" aria-label="data" style={{ height }} onKeyDown={(event) => { if (event.key === "Escape") onClose(); }}>
      <div className="drawer-grip" onPointerDown={resize} aria-hidden="true" />
      <header>
        <div className="tabs" role="tablist" aria-label="tables">
          {tables.map((each) => (
            <button key={each.name} type="button" role="tab" aria-selected={each === table} data-testid={`drawer-tab-${each.name}`} onClick={() => { setTab(each.name); }}>{each.name} <span className="muted">{grouped(each.numRows)}{each.truncated ? "+" : ""}</span></button>
          ))}
          <button type="button" role="tab" aria-selected={stats} data-testid="drawer-tab-stats" onClick={() => { setTab("\u0000stats"); }}>execution</button>
        </div>
        <span className="spacer" />
        {result && <span className="muted" data-testid="execution-time" title="time to compile the script, and to run it">compiled in {duration(result.compileMs * 1e6)}, ran {duration(result.durationMs * 1e6)}</span>}
        {table && <input type="search" placeholder="filter" aria-label="filter rows" value={filter} onChange={(event) => { setFilter(event.target.value); }} />}
        {table && <TableMenu table={table} />}
        <button type="button" className="icon-button" onClick={onClose} title="close  (d)" aria-label="close data"><Icon name="close" /></button>
      </header>
      <div className="drawer-body">
        {table ? <DataTable key={table.name} table={table} name={`data: ${table.name}`} filter={filter} /> : result && stats ? <Execution result={result} /> : <p className="none">{result ? "The script gave no table." : "Nothing has run yet."}</p>}
      </div>
    </section>
  );
}

function Execution({ result }: { result: RunResult }) {
  return (
    <div className="execution">
      <p>{result.script || "edited script"}, run at {new Date(result.executedAt).toLocaleString()}: compiled in {duration(result.compileMs * 1e6)}, ran {duration(result.durationMs * 1e6)}.</p>
      <table className="plain">
        <thead><tr><th>table</th><th className="num">rows</th><th className="num">columns</th><th className="num">size</th><th>widgets</th></tr></thead>
        <tbody>{result.tables.map((table) => (
          <tr key={table.name}>
            <td>{table.name}</td><td className="num">{rowCount(table)}{table.truncated ? ", cut" : ""}</td><td className="num">{table.columns.length}</td>
            <td className="num">{bytes(JSON.stringify(table.rows).length)}</td><td>{result.widgets.filter((widget) => widget.table === table.name).map((widget) => widget.name).join(", ") || "none"}</td>
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}
