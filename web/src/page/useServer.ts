/** What the page knows of its server: scripts, status, names of pods; asked again while it is open. */
import { useCallback, useEffect, useState } from "react";
import { api, type ErrorBody, failureOf, type Script, type ScriptSummary, type Status } from "../api";

const STATUS_MS = 10_000;
const PODS_MS = 60_000;
const RETRY_MS = 3000;

/** Runs `ask` now and every `periodMs`, not while the page is hidden. */
function usePolling(ask: () => Promise<void>, periodMs: number): void {
  useEffect(() => {
    void ask();
    const timer = setInterval(() => {
      if (!document.hidden) void ask();
    }, periodMs);
    return () => { clearInterval(timer); };
  }, [ask, periodMs]);
}

export function useStatus(): { status: Status | null; failure: ErrorBody | null } {
  const [state, setState] = useState<{ status: Status | null; failure: ErrorBody | null }>({ status: null, failure: null });
  usePolling(useCallback(async () => {
    try {
      setState({ status: await api.status(), failure: null });
    } catch (error) {
      setState((old) => ({ ...old, failure: failureOf(error) }));
    }
  }, []), STATUS_MS);
  return state;
}

export function usePods(): ReadonlySet<string> {
  const [pods, setPods] = useState<ReadonlySet<string>>(new Set());
  usePolling(useCallback(async () => {
    try {
      const names = (await api.entities("pod", "", 1000)).map((entity) => entity.name);
      setPods((old) => (names.length === old.size && names.every((name) => old.has(name)) ? old : new Set(names)));
    } catch {
      // Without the list, names of pods in columns that do not say so are no links; nothing else depends on it.
    }
  }, []), PODS_MS);
  return pods;
}

export function useScripts(): { scripts: ScriptSummary[] | null; failure: ErrorBody | null; retry: () => void } {
  const [state, setState] = useState<{ scripts: ScriptSummary[] | null; failure: ErrorBody | null }>({ scripts: null, failure: null });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    api.scripts().then(
      (scripts) => { if (!gone) setState({ scripts, failure: null }); },
      (error: unknown) => {
        if (gone) return;
        setState((old) => ({ ...old, failure: failureOf(error) }));
        timer = setTimeout(() => { setAttempt((old) => old + 1); }, RETRY_MS);
      },
    );
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [attempt]);
  return { ...state, retry: useCallback(() => { setAttempt((old) => old + 1); }, []) };
}

/** A script's text, when it is wanted; asked for again until it comes. */
export function useScriptText(name: string | null): Script | null {
  const [script, setScript] = useState<Script | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (name === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    api.script(name).then((found) => { if (!gone) setScript(found); }, () => { if (!gone) timer = setTimeout(() => { setAttempt((old) => old + 1); }, RETRY_MS); });
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [name, attempt]);
  return script?.name === name ? script : null;
}
