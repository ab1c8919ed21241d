/** What the page knows of its server: scripts, status, open alerts, names of pods; asked again while it is open. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { type Alerts, api, type ErrorBody, failureOf, type Script, type ScriptSummary, type Status } from "../api";

const STATUS_MS = 10_000;
const ALERTS_MS = 10_000;
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

/** `null` where nothing is analysed, and until the server answers. */
export function useAlerts(): Alerts | null {
  const [alerts, setAlerts] = useState<Alerts | null>(null);
  usePolling(useCallback(async () => {
    try {
      setAlerts(await api.alerts());
    } catch {
      // What was open stays; that the server is away is told by its status.
    }
  }, []), ALERTS_MS);
  return alerts;
}

/** Names of pods; `null` until they are known. */
export function usePods(): ReadonlySet<string> | null {
  const [pods, setPods] = useState<ReadonlySet<string> | null>(null);
  usePolling(useCallback(async () => {
    try {
      const names = (await api.entities("pod", "", 1000)).map((entity) => entity.name);
      setPods((old) => (old !== null && names.length === old.size && names.every((name) => old.has(name)) ? old : new Set(names)));
    } catch {
      // Without the list, names of pods in columns that do not say so are no links; nothing else depends on it.
    }
  }, []), PODS_MS);
  return pods;
}

/** Asks when `ask` changes, and again every `RETRY_MS` until it is answered; `null` asks nothing. */
function useAnswer<T>(ask: (() => Promise<T>) | null): { answer: T | null; failure: ErrorBody | null; retry: () => void } {
  const [state, setState] = useState<{ answer: T | null; failure: ErrorBody | null }>({ answer: null, failure: null });
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => { setAttempt((old) => old + 1); }, []);
  useEffect(() => {
    if (ask === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    ask().then(
      (answer) => { if (!gone) setState({ answer, failure: null }); },
      (error: unknown) => {
        if (gone) return;
        setState((old) => ({ ...old, failure: failureOf(error) }));
        timer = setTimeout(retry, RETRY_MS);
      },
    );
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [ask, attempt, retry]);
  return { ...state, retry };
}

export function useScripts(): { scripts: ScriptSummary[] | null; failure: ErrorBody | null; retry: () => void } {
  const { answer, failure, retry } = useAnswer(api.scripts);
  return { scripts: answer, failure, retry };
}

/** A script's text, when it is wanted. */
export function useScriptText(name: string | null): Script | null {
  const { answer } = useAnswer(useMemo(() => (name === null ? null : () => api.script(name)), [name]));
  return answer?.name === name ? answer : null;
}
