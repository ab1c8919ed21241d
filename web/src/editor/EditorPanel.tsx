/** The editor beside the widgets: two tabs, run, back to the library's text. */
import { useEffect, useState } from "react";
import type { ErrorBody, Script } from "../api";
import { usePage } from "../model/context";
import { Icon } from "../page/Icon";
import { Editor } from "./Editor";

export const SCRATCH_PXL = `# The newest requests. Ctrl+Enter runs.
import px

df = px.DataFrame('kafka_events.beta', start_time='-5m')
df.api = px.kafka_api_key_name(df.req_cmd)
df = df.groupby('api').agg(requests=('latency', px.count), latency=('latency', px.quantiles))
px.display(df, 'apis')
`;

interface Props {
  script: Script | null;
  error: ErrorBody | null;
  onRunSame: () => void;
  onClose: () => void;
}

/** The library's texts: what an edit is compared with. */
export function libraryTexts(script: Script | null): { pxl: string; vis: string } {
  return { pxl: script?.pxl ?? SCRATCH_PXL, vis: script?.vis ? JSON.stringify(script.vis, null, 2) : "" };
}

export default function EditorPanel({ script, error, onRunSame, onClose }: Props) {
  const { place, go } = usePage();
  const library = libraryTexts(script);
  const [tab, setTab] = useState<"pxl" | "vis">("pxl");
  const [pxl, setPxl] = useState(place.view.pxl ?? library.pxl);
  const [vis, setVis] = useState(place.view.vis ?? library.vis);
  const [visProblem, setVisProblem] = useState<string | null>(null);
  const name = script?.name ?? "";
  useEffect(() => {
    setPxl(place.view.pxl ?? library.pxl);
    setVis(place.view.vis ?? library.vis);
  }, [name, library.pxl, library.vis, place.view.pxl, place.view.vis]);

  const ofVis = error !== null && error.message.startsWith("vis spec: ");
  useEffect(() => { if (error !== null) setTab(ofVis ? "vis" : "pxl"); }, [error, ofVis]);

  const run = () => {
    if (vis.trim() !== "") {
      try {
        JSON.parse(vis);
      } catch (problem) {
        setVisProblem(problem instanceof Error ? problem.message : String(problem));
        setTab("vis");
        return;
      }
    }
    setVisProblem(null);
    const { pxl: ranPxl, vis: ranVis, ...view } = place.view;
    const next = { ...place, view: { ...view, ...(script && pxl === library.pxl ? {} : { pxl }), ...(vis === library.vis || vis.trim() === "" ? {} : { vis }) } };
    if (next.view.pxl === ranPxl && next.view.vis === ranVis) onRunSame();
    else go(next);
  };
  const edited = pxl !== library.pxl || vis !== library.vis;
  return (
    <section className="editor" data-testid="editor" aria-label="editor" onKeyDown={(event) => { if (event.key === "Escape" && !event.defaultPrevented) onClose(); }}>
      <header>
        <div className="tabs" role="tablist" aria-label="editor">
          <button type="button" role="tab" aria-selected={tab === "pxl"} data-testid="editor-tab-pxl" onClick={() => { setTab("pxl"); }}>PxL</button>
          <button type="button" role="tab" aria-selected={tab === "vis"} data-testid="editor-tab-vis" onClick={() => { setTab("vis"); }}>vis spec</button>
        </div>
        <span className="spacer" />
        {edited && <button type="button" className="link" data-testid="editor-reset" onClick={() => { setPxl(library.pxl); setVis(library.vis); }}>{script ? "back to the library's" : "start again"}</button>}
        <button type="button" className="primary" data-testid="editor-run" onClick={run} title="ctrl enter"><Icon name="run" /> Run</button>
        <button type="button" className="icon-button" onClick={onClose} title="close  (e)" aria-label="close editor"><Icon name="close" /></button>
      </header>
      {tab === "pxl" ? <Editor key="pxl" language="pxl" text={pxl} error={ofVis ? null : error} onChange={setPxl} onRun={run} /> : <Editor key="vis" language="vis" text={vis} pxl={pxl} error={ofVis ? error : null} onChange={setVis} onRun={run} />}
      {(visProblem ?? error) && (
        <p className="editor-error" role="alert" data-testid="editor-error">
          {visProblem !== null ? `vis spec: ${visProblem}` : <>{error?.line !== undefined && <b>{error.line}:{error.column ?? 1} </b>}{error?.message}{error?.hint ? <span className="muted">. {error.hint}</span> : null}</>}
        </p>
      )}
    </section>
  );
}
