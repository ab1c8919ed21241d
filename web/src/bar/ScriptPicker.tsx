/** The drop-down of scripts, with search in names and descriptions. */
import { useMemo } from "react";
import { searchScripts } from "../model/args";
import { usePage } from "../model/context";
import { keptView } from "../model/location";
import { Combo } from "./Combo";

export const SCRATCH = "scratch";

export function ScriptPicker({ script, edited }: { script: string; edited: boolean }) {
  const { scripts, place, go } = usePage();
  const current = scripts.find((candidate) => candidate.name === script);
  const options = useMemo(
    () => (query: string) => {
      const found = searchScripts(scripts, query).map((each) => ({ value: each.name, detail: each.short }));
      return "scratch pad".includes(query.toLowerCase()) ? [...found, { value: SCRATCH, label: "scratch pad", detail: "your own PxL" }] : found;
    },
    [scripts],
  );
  const choose = (name: string) => {
    const next = scripts.find((candidate) => candidate.name === name);
    // What both scripts take stays: the window and the namespace above all.
    const args = Object.fromEntries(Object.entries(place.args).filter(([arg]) => next?.variables.some((variable) => variable.name === arg)));
    go({ script: name, args, view: keptView(place.view) });
  };
  return (
    <Combo
      label="script" value={script} shown={script === "" || script === "scripts" ? "find…" : script === SCRATCH ? "scratch pad" : edited ? `${script} (edited)` : script} testId="script-picker" title={current?.short ?? "choose a script  (/)"} wide shortcut="script"
      placeholder="search scripts by name or purpose" options={options} onChoose={choose}
      footer={current ? <p className="popover-note">{current.long}</p> : undefined}
    />
  );
}
