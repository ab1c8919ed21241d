/** Why a widget has nothing to show, and what to do about it. */
import type { ResultTable, RunResult } from "../api";
import { effective, longerWindow, prompt, windowText } from "../model/args";
import { usePage } from "../model/context";
import { visible } from "../model/format";

/** For one table of several; where nothing has rows, the page says it once. */
export function Empty({ table, result }: { table: ResultTable | null; result: RunResult }) {
  const { place, go, scripts } = usePage();
  const variables = scripts.find((script) => script.name === result.script)?.variables ?? [];
  const start = variables.find((variable) => variable.name === "start_time");
  const window = start ? effective(start, place.args) : "";
  const narrowing = variables.filter((variable) => variable !== start && (place.args[variable.name] ?? "") !== "" && !variable.required);
  const longer = table?.note ? null : longerWindow(window);
  const note = table?.note ?? null;
  const prompts = variables.flatMap((variable) => prompt(variable, place.args) ?? []);
  const reasons = note !== null ? [note] : [...prompts, ...result.messages.map((message) => message.text)];
  return (
    <div className={table ? "none" : "none all-empty"} data-testid="empty">
      <p>
        <strong>No rows{window !== "" ? ` in the ${windowText(window)}` : ""}</strong>
        {narrowing.length > 0 && <> for {narrowing.map((variable) => `${variable.name} ${visible(place.args[variable.name] ?? "")}`).join(", ")}</>}
      </p>
      {reasons.length > 0 ? reasons.slice(0, 2).map((reason) => <p key={reason}>{reason}.</p>) : <p className="muted">The script ran; nothing it looks for was seen.</p>}
      <p className="steps">
        {narrowing.length > 0 && <button type="button" onClick={() => { go({ ...place, args: Object.fromEntries(Object.entries(place.args).filter(([name]) => !narrowing.some((variable) => variable.name === name))) }); }}>clear {narrowing.map((variable) => variable.name).join(", ")}</button>}
        {longer !== null && start && <button type="button" onClick={() => { go({ ...place, args: { ...place.args, start_time: longer } }); }}>look at the {windowText(longer)}</button>}
      </p>
      {table && <p className="sr">table {table.name}</p>}
    </div>
  );
}
