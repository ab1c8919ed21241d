/** Runs a script again and again: over the live socket, over plain requests where the socket does not come up. */
import { api, type ErrorBody, failureOf, placed, type RunRequest, type RunResult } from "../api";
import { LiveSocket } from "./socket";

export interface LiveState {
  result: RunResult | null;
  /** The request that `result` answers. */
  answered: RunRequest | null;
  error: ErrorBody | null;
  loading: boolean;
  /** When the last answer came, in milliseconds since the epoch. */
  receivedAt: number;
  transport: "socket" | "polling" | "none";
}

export const IDLE: LiveState = { result: null, answered: null, error: null, loading: false, receivedAt: 0, transport: "none" };

let runners = 0;

export class LiveRunner {
  private state: LiveState = IDLE;
  private request: RunRequest | null = null;
  private intervalMs = 0;
  private generation = 0;
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hidden = false;
  private readonly number = (runners += 1);
  private readonly leave: () => void;

  constructor(private readonly changed: (state: LiveState) => void, private readonly socket = new LiveSocket()) {
    const follows = () => this.request !== null && this.intervalMs > 0 && !this.hidden;
    this.leave = socket.join({
      opened: () => { if (follows()) this.start(); },
      closed: () => { if (follows()) this.poll(); },
      message: (message) => { this.message(message); },
    });
  }

  /** Watch `request` every `intervalMs`; 0 runs it once. The last content stays until an answer comes. */
  watch(request: RunRequest, intervalMs: number): void {
    const same = JSON.stringify(request) === JSON.stringify(this.request);
    const paused = intervalMs === 0 && this.intervalMs !== 0 && same && this.state.result !== null;
    this.stop();
    this.request = request;
    this.intervalMs = intervalMs;
    if (paused) {
      this.set({ loading: false, transport: "none" });
      return;
    }
    this.set({ loading: true, ...(same ? {} : { error: null }) });
    if (intervalMs > 0) this.follow();
    else void this.once();
  }

  /** Run now; the interval goes on after it. */
  runNow(): void {
    if (this.request === null) return;
    this.set({ loading: true });
    void this.once(false);
  }

  /** Nothing to run: arguments are missing. */
  clear(): void {
    this.stop();
    this.request = null;
    this.set({ ...IDLE });
  }

  /** A hidden page asks for nothing. */
  setHidden(hidden: boolean): void {
    if (hidden === this.hidden) return;
    this.hidden = hidden;
    if (this.request === null || this.intervalMs === 0) return;
    if (hidden) this.stop();
    else this.follow();
  }

  close(): void {
    this.stop();
    this.request = null;
    this.leave();
  }

  private set(change: Partial<LiveState>): void {
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }

  private stop(): void {
    this.socket.send({ type: "stop", id: this.id });
    this.generation += 1;
    this.abort?.abort();
    clearTimeout(this.timer);
  }

  private get id(): string {
    return `${this.number}.${this.generation}`;
  }

  private follow(): void {
    if (this.hidden) return;
    const { state } = this.socket;
    if (state === "open") this.start();
    else if (state === "resting") this.poll();
    else if (state === "none") this.socket.connect();
  }

  private start(): void {
    if (this.request === null) return;
    clearTimeout(this.timer);
    this.socket.send({ type: "run", id: this.id, intervalMs: this.intervalMs, ...this.request });
  }

  private message(message: { type: string; id: string; result?: RunResult; error?: ErrorBody }): void {
    if (message.id !== this.id && message.id !== "") return;
    if (message.type === "result" && message.result) this.answer(message.result, "socket");
    else if (message.error) this.set({ error: placed(message.error), loading: false, transport: "socket", receivedAt: Date.now() });
  }

  private answer(result: RunResult, transport: LiveState["transport"]): void {
    this.set({ result, answered: this.request, error: null, loading: false, receivedAt: Date.now(), transport });
  }

  private async once(alone = true): Promise<boolean> {
    if (this.request === null) return false;
    const generation = this.generation;
    this.abort?.abort();
    this.abort = new AbortController();
    try {
      const result = await api.run(this.request, this.abort.signal);
      if (generation !== this.generation) return false;
      this.answer(result, alone ? "none" : this.state.transport);
    } catch (error) {
      if (generation !== this.generation || (error instanceof DOMException && error.name === "AbortError")) return false;
      this.set({ error: failureOf(error), loading: false, receivedAt: Date.now() });
    }
    return true;
  }

  private poll(): void {
    const generation = this.generation;
    clearTimeout(this.timer);
    void this.once(false).then(() => {
      if (generation !== this.generation) return;
      this.set({ transport: "polling" });
      this.timer = setTimeout(() => {
        if (generation === this.generation) this.follow();
      }, this.intervalMs);
    });
  }
}
