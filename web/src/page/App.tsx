/** The page: what the address says is what runs and shows. */
import { Suspense, useCallback, useEffect, useMemo, useState } from "react";
import type { RunRequest, RunResult, ScriptSummary, Variable } from "../api";
import { SCRATCH } from "../bar/ScriptPicker";
import { type Tool, TopBar } from "../bar/TopBar";
import { type Mark, Marks, marksOf, marksOnPage } from "../chart/marks";
import { effective, isTime, missing as missingOf, toSend, withoutNamespaces } from "../model/args";
import { Page, type PageContext } from "../model/context";
import { CATALOGUE, DEFAULT_REFRESH_MS, linkPlace, type Place } from "../model/location";
import { usePlace } from "../model/usePlace";
import { setZone } from "../model/zone";
import { alertsOf } from "../overview/alerts";
import { GroupAnswer } from "../overview/Answer";
import { tableWith } from "../overview/columns";
import { groupTable } from "../overview/compose";
import { behind, groupsOf } from "../overview/groups";
import { Overview } from "../overview/Overview";
import { SECTIONS } from "../overview/sections";
import { useOverview } from "../overview/useOverview";
import { Rail } from "../bar/Rail";
import { Catalogue } from "./Catalogue";
import { DataDrawer } from "./DataDrawer";
import { kindOf } from "./grid";
import { Help } from "./Help";
import { lazyPart } from "./lazyPart";
import { Missing } from "./Missing";
import { withPositions } from "./move";
import { PageHead } from "./PageHead";
import { Problem } from "./Problem";
import { UnknownArguments } from "./UnknownArguments";
import { useKeys } from "./useKeys";
import { useLive } from "./useLive";
import { useAlerts, usePods, useScripts, useScriptText, useStatus } from "./useServer";
import { WidgetGrid } from "./WidgetGrid";

const EditorPanel = lazyPart(() => import("../editor/EditorPanel"));

/** The variables of a script, or those of the vis spec that runs instead. */
function variablesOf(summary: ScriptSummary | undefined, vis: Record<string, unknown> | null): Variable[] {
  if (!vis) return summary?.variables ?? [];
  const given = Array.isArray(vis.variables) ? (vis.variables as Partial<Variable>[]) : [];
  return given.flatMap((variable) => (typeof variable.name === "string" ? [{ type: "PX_STRING", description: "", validValues: [], ...variable, name: variable.name, required: variable.defaultValue === undefined }] : []));
}

function parseVis(text: string | undefined): Record<string, unknown> | null {
  if (text === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function requestOf(place: Place, script: string, variables: readonly Variable[], vis: Record<string, unknown> | null): RunRequest {
  const { pxl, until } = place.view;
  return { ...(script === SCRATCH ? {} : { script }), ...(pxl === undefined ? {} : { pxl }), ...(vis ? { vis } : {}), args: toSend(variables, place.args), ...(until === undefined ? {} : { until }) };
}

/** The window of the page's time charts, where what happens to groups has to do with them; `null` without such charts. */
function chartWindow(result: RunResult | null, script: string, variables: readonly Variable[], place: Place): string | null {
  if (!script.startsWith("px/kafka_") || result?.script !== script || !result.widgets.some((widget) => kindOf(widget) === "TimeseriesChart")) return null;
  const variable = variables.find(isTime);
  return variable ? effective(variable, place.args) : null;
}

const NO_PODS: ReadonlySet<string> = new Set();
const NO_MARKS: readonly Mark[] = [];

/** What the start page takes: the time, and the namespace, which all of its scripts but the brokers know. */
const HOME_VARIABLES: Variable[] = [
  { name: "namespace", type: "PX_NAMESPACE", description: "Only groups, clients and traffic with an end in this namespace.", defaultValue: "", validValues: [], required: false },
  { name: "start_time", type: "PX_STRING", description: "Start of the time window, relative to now.", defaultValue: "-5m", validValues: [], required: false },
];

export function App() {
  const [place, go] = usePlace();
  const { scripts, failure: scriptsFailure, retry } = useScripts();
  const { status, failure: statusFailure } = useStatus();
  const knownPods = usePods();
  const pods = knownPods ?? NO_PODS;
  const allAlerts = useAlerts();
  const [open, setOpen] = useState({ editor: false, data: false, help: false, move: false });
  const [relativeTimes, setRelativeTimes] = useState(false);
  const [notice, setNotice] = useState<string | null>(null);

  setZone(place.view.tz);
  const home = place.script === null;
  const catalogue = place.script === CATALOGUE;
  const script = place.script ?? "";
  const summary = scripts?.find((candidate) => candidate.name === script);
  const scratch = script === SCRATCH;
  const vis = useMemo(() => parseVis(place.view.vis), [place.view.vis]);
  const podless = knownPods?.size === 0;
  const variables = useMemo(() => {
    const declared = home ? HOME_VARIABLES : variablesOf(summary, vis);
    return podless ? withoutNamespaces(declared) : declared;
  }, [home, summary, vis, podless]);
  const missing = missingOf(variables, place.args);
  // A time that is over does not change any more.
  const intervalMs = place.view.until === undefined ? (place.view.refresh ?? DEFAULT_REFRESH_MS) : 0;
  const runnable = !home && !catalogue && scripts !== null && missing.length === 0 && (!scratch || place.view.pxl !== undefined);
  const request = useMemo(() => (runnable ? requestOf(place, script, variables, vis) : null), [runnable, place, script, variables, vis]);
  const [scriptLive, runScript] = useLive(request, intervalMs);
  const charts = chartWindow(scriptLive.result, script, variables, place);
  const overview = useOverview(place, home, scripts, intervalMs, charts);
  const [live, runNow] = home ? [overview.live, overview.runNow] : [scriptLive, runScript];
  const groupsSeen = groupTable(overview.feeds.groups);
  const editorOpen = open.editor || (scratch && place.view.pxl === undefined);
  const text = useScriptText((editorOpen || open.move) && !scratch && summary ? script : null);

  useEffect(() => {
    document.title = home ? "Kafkascope" : `${catalogue ? "Scripts" : script} · Kafkascope`;
  }, [home, catalogue, script]);
  useEffect(() => {
    if (notice === null) return;
    const timer = setTimeout(() => { setNotice(null); }, 3000);
    return () => { clearTimeout(timer); };
  }, [notice]);

  const toggle = (what: Tool) => { setOpen((old) => ({ ...old, [what]: !old[what] })); };
  const pause = () => { go({ ...place, view: { ...place.view, refresh: intervalMs === 0 ? DEFAULT_REFRESH_MS : 0 } }, true); };
  const toggleTimes = useCallback(() => { setRelativeTimes((old) => !old); }, []);
  const focus = (selector: string) => () => { document.querySelector<HTMLElement>(selector)?.focus(); };
  // The first press goes to the first table and moves in it.
  const step = (key: string) => () => {
    const grid = document.querySelector<HTMLElement>("main [role=grid]");
    grid?.focus();
    grid?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  };
  useKeys({
    "/": () => { document.querySelector<HTMLElement>('[data-shortcut="script"]')?.click(); },
    r: runNow, p: pause, e: () => { toggle("editor"); }, w: () => { toggle("move"); }, d: () => { toggle("data"); }, t: toggleTimes, "?": () => { toggle("help"); },
    f: focus(".widget .filter input"),
    j: step("j"), k: step("k"),
    ...Object.fromEntries(SECTIONS.map((section) => [`g ${section.key}`, () => { go(linkPlace(place, section.script)); }])),
    Backspace: () => { history.back(); },
    Escape: () => { setOpen({ editor: false, data: false, help: false, move: false }); },
  }); // prettier-ignore

  const page: PageContext = useMemo(() => ({ place, go, scripts: scripts ?? [], pods, relativeTimes, toggleTimes, say: setNotice }), [place, go, scripts, pods, relativeTimes, toggleTimes]);
  // Content of another script must not stand under this one's name; of other arguments it may, until the answer comes.
  const fits = live.answered !== null && live.answered.script === (scratch ? undefined : script);
  const result = fits ? live.result : null;
  const outdated = live.answered !== request && JSON.stringify(live.answered) !== JSON.stringify(request);
  const shownVis = vis ?? text?.vis ?? null;
  const narrow = open.move && matchMedia("(max-width: 760px)").matches;
  const error = scriptsFailure ?? (runnable ? live.error : null);
  const [rebalances, verdicts, findings, alerts] = (["rebalances", "verdicts", "groups", "alerts"] as const).map((name) => overview.feeds[name].result);
  const happened = useMemo(() => marksOf({ rebalances, verdicts, findings, alerts }), [rebalances, verdicts, findings, alerts]);
  const marks = useMemo(() => (charts === null ? NO_MARKS : marksOnPage(happened, place.args, result)), [charts, happened, place.args, result]);
  // Of a time that is over nobody says what was open then.
  const alertsNow = place.view.until === undefined ? allAlerts : null;
  const openAlerts = useMemo(() => (alertsNow ? alertsOf(alertsNow.open, place.args.namespace && groupsSeen ? new Set(groupsOf(groupsSeen).map((group) => group.name)) : null) : []), [alertsNow, place.args.namespace, groupsSeen]);
  const behindCount = useMemo(() => behind(groupsOf(groupsSeen)).length, [groupsSeen]);

  return (
    <Page value={page}>
      <div className={`page${editorOpen ? " with-editor" : ""}`}>
        <button type="button" className="skip" data-testid="skip" onClick={focus("main")}>to the content</button>
        <TopBar
          script={home || catalogue ? null : script} running={!catalogue} edited={!scratch && (place.view.pxl !== undefined || place.view.vis !== undefined)} variables={variables} missing={missing.length > 0} live={live} intervalMs={intervalMs}
          status={status} failure={statusFailure} open={{ editor: editorOpen, data: open.data, move: open.move }} onRun={runNow} onPause={pause} onToggle={toggle}
        />
        <div className="body">
          <Rail status={status} behind={behindCount} groups={groupsSeen?.rows.length ?? null} alerts={openAlerts} />
          <main data-testid="main" tabIndex={-1} aria-busy={live.loading || (scripts === null && scriptsFailure === null)}>
            {!home && <PageHead short={catalogue ? "" : (summary?.short ?? "")} />}
            {script === "px/kafka_group" && groupsSeen && <GroupAnswer groups={groupsOf(groupsSeen, tableWith(overview.feeds.groups.result, "since", "group", "topic"))} name={place.args.group_id ?? ""} cluster={place.args.cluster ?? ""} executedAt={overview.feeds.groups.result?.executedAt ?? 0} />}
            {home && !scriptsFailure && <Overview data={overview} status={status} failure={statusFailure} alerts={alertsNow} open={openAlerts} />}
            {catalogue && scripts && <Catalogue />}
            {summary && <UnknownArguments place={place} variables={variables} />}
            {error && <Problem error={error} stale={result !== null} onRetry={scriptsFailure ? retry : runNow} onEdit={error.kind === "script" ? () => { setOpen((old) => ({ ...old, editor: true })); } : undefined} />}
            {missing.length > 0 && <Missing variables={missing} />}
            {scratch && place.view.pxl === undefined && <p className="none">Write a script and run it with Ctrl+Enter.</p>}
            {open.move && !home && !catalogue && <p className="note" role="status">{narrow ? "Widgets are moved on a wider screen." : shownVis ? "Drag a widget to move it, its corner to size it; arrow keys do the same. The address keeps the new places." : "This script has no vis spec: there is nothing to arrange."} <button type="button" className="link" onClick={() => { toggle("move"); }}>done</button>{place.view.vis !== undefined && <> <button type="button" className="link" onClick={() => { const { vis: _, ...view } = place.view; go({ ...place, view }); }}>as in the library</button></>}</p>}
            {result?.messages.filter((message) => message.level !== "info").map((message) => <p key={message.text} className={`note level-${message.level}`} role="status">{message.text}</p>)}
            <Marks value={marks}>
              {result ? <WidgetGrid result={result} faded={outdated || error !== null} onMove={open.move && !narrow && shownVis ? (positions) => { go({ ...place, view: { ...place.view, vis: JSON.stringify(withPositions(shownVis, positions), null, 2) } }, place.view.vis !== undefined); } : undefined} /> : runnable && !error && <Skeleton />}
            </Marks>
          </main>
          {editorOpen && (!scratch && summary && !text ? <EditorWait /> : (
            <Suspense fallback={<EditorWait />}>
              <EditorPanel script={scratch ? null : text} error={live.error?.kind === "script" ? live.error : null} onRunSame={runNow} onClose={() => { setOpen((old) => ({ ...old, editor: false })); if (scratch && place.view.pxl === undefined) go({ ...place, script: null }); }} />
            </Suspense>
          ))}
        </div>
        {open.data && <DataDrawer result={result} onClose={() => { setOpen((old) => ({ ...old, data: false })); }} />}
        {open.help && <Help onClose={() => { setOpen((old) => ({ ...old, help: false })); }} />}
        {notice !== null && <p className="notice" role="status" data-testid="notice">{notice}</p>}
      </div>
    </Page>
  );
}

function EditorWait() {
  return <section className="editor"><p className="none">loading the editor…</p></section>;
}

function Skeleton() {
  return <div className="skeleton" aria-label="running">{[0, 1, 2].map((each) => <div key={each}>{each === 0 && <p className="none muted">asking…</p>}</div>)}</div>;
}
