/** The live runner as React state. */
import { useCallback, useEffect, useRef, useState } from "react";
import type { RunRequest } from "../api";
import { IDLE, LiveRunner, type LiveState } from "../model/live";
import { LiveSocket } from "../model/socket";

/** The page has one connection, whatever it watches. */
const socket = new LiveSocket();

/** Runs `request` every `intervalMs` (0: once); `null` runs nothing. */
export function useLive(request: RunRequest | null, intervalMs: number): [LiveState, () => void] {
  const [state, setState] = useState<LiveState>(IDLE);
  const runner = useRef<LiveRunner | null>(null);
  const key = JSON.stringify(request);
  useEffect(() => {
    const made = new LiveRunner(setState, socket);
    runner.current = made;
    const visibility = () => { made.setHidden(document.hidden); };
    document.addEventListener("visibilitychange", visibility);
    return () => {
      document.removeEventListener("visibilitychange", visibility);
      made.close();
    };
  }, []);
  useEffect(() => {
    const wanted = JSON.parse(key) as RunRequest | null;
    if (wanted === null) runner.current?.clear();
    else runner.current?.watch(wanted, intervalMs);
  }, [key, intervalMs]);
  return [state, useCallback(() => { runner.current?.runNow(); }, [])];
}
