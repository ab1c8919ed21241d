/** The bar above everything: script, arguments, time, runs, coverage, theme. */
import { RECORDED, type ErrorBody, type Status, type Variable } from "../api";
import { effective, isTime } from "../model/args";
import { usePage } from "../model/context";
import type { LiveState } from "../model/live";
import { linkPlace } from "../model/location";
import { toggleTheme, useTheme } from "../model/theme";
import { Icon } from "../page/Icon";
import { ArgChip } from "./ArgChip";
import { Coverage } from "./Coverage";
import { LiveControls } from "./LiveControls";
import { ScriptPicker } from "./ScriptPicker";
import { TimePicker } from "./TimePicker";

/** What the bar's buttons open and close. */
export type Tool = "editor" | "data" | "help" | "move";

interface Props {
  /** `null` where no script stands by itself: the start page, the list of scripts. */
  script: string | null;
  edited: boolean;
  /** Whether there is anything to run. */
  running: boolean;
  variables: readonly Variable[];
  missing: boolean;
  live: LiveState;
  intervalMs: number;
  status: Status | null;
  failure: ErrorBody | null;
  open: { editor: boolean; data: boolean; move: boolean };
  onRun: () => void;
  onPause: () => void;
  onToggle: (what: Tool) => void;
}

export function TopBar(props: Props) {
  const { place, go } = usePage();
  const theme = useTheme();
  const times = props.variables.filter(isTime);
  return (
    <header className="topbar">
      <a className="brand" href="/" title="start page" onClick={(event) => { if (!event.metaKey && !event.ctrlKey) { event.preventDefault(); go(linkPlace(place, null)); } }}>
        <img src="/icon.svg" alt="" width="18" height="18" /> <span>Kafkascope</span>
      </a>
      <ScriptPicker script={props.script ?? ""} edited={props.edited} />
      <div className="right">
        {props.running && <LiveControls live={props.live} recorded={props.status?.source === RECORDED} intervalMs={props.intervalMs} onRun={props.onRun} onPause={props.onPause} />}
        <Coverage status={props.status} failure={props.failure} />
        <span className="tools">
          {props.script !== null && <button type="button" className="icon-button" data-testid="editor-toggle" aria-pressed={props.open.editor} title="editor  (e)" aria-label="editor" onClick={() => { props.onToggle("editor"); }}><Icon name="code" /></button>}
          {props.script !== null && <button type="button" className="icon-button" data-testid="drawer-toggle" aria-pressed={props.open.data} title="data  (d)" aria-label="data" onClick={() => { props.onToggle("data"); }}><Icon name="data" /></button>}
          {props.script !== null && <button type="button" className="icon-button wide-only" data-testid="move-toggle" aria-pressed={props.open.move} title="move widgets  (w)" aria-label="move widgets" onClick={() => { props.onToggle("move"); }}><Icon name="move" /></button>}
          <button type="button" className="icon-button" data-testid="theme-toggle" title={theme === "dark" ? "light theme" : "dark theme"} aria-label={theme === "dark" ? "light theme" : "dark theme"} onClick={toggleTheme}><Icon name={theme === "dark" ? "sun" : "moon"} /></button>
          <button type="button" className="icon-button wide-only" title="keys  (?)" aria-label="keys" onClick={() => { props.onToggle("help"); }}><Icon name="help" /></button>
        </span>
      </div>
      {props.variables.length > 0 && (
        <div className="crumbs" role="group" aria-label="arguments" data-testid="arguments">
          {props.variables.filter((variable) => !isTime(variable)).map((variable) => <ArgChip key={`${props.script ?? ""}/${variable.name}`} variable={variable} highlight={props.missing} />)}
          {times.map((variable) => <TimePicker key={variable.name} name={variable.name} value={effective(variable, place.args)} fallback={variable.defaultValue ?? "-5m"} />)}
        </div>
      )}
      {props.live.loading && <div className="progress" role="progressbar" aria-label="running" />}
    </header>
  );
}
