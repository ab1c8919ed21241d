/** Runs a script again and again: over the live socket, over plain requests where the socket does not come up. */
import { api, type ErrorBody, failureOf, placed, type RunRequest, type RunResult } from "../api";

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

const RETRY_MS = 10_000;
const OPEN_TIMEOUT_MS = 3000;

export class LiveRunner {
  private state: LiveState = IDLE;
  private request: RunRequest | null = null;
  private intervalMs = 0;
  private generation = 0;
  private socket: WebSocket | null = null;
  private socketFailedAt = -Infinity;
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hidden = false;

  constructor(private readonly changed: (state: LiveState) => void) {}

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
    this.socket?.close();
    this.socket = null;
    this.request = null;
  }

  private set(change: Partial<LiveState>): void {
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }

  private stop(): void {
    this.send({ type: "stop", id: String(this.generation) });
    this.generation += 1;
    this.abort?.abort();
    clearTimeout(this.timer);
  }

  private follow(): void {
    if (this.hidden) return;
    const open = this.socket?.readyState === WebSocket.OPEN;
    if (open) this.start();
    else if (this.socket?.readyState === WebSocket.CONNECTING) return;
    else if (performance.now() - this.socketFailedAt < RETRY_MS) this.poll();
    else this.connect();
  }

  private connect(): void {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    this.socket = socket;
    const giveUp = setTimeout(() => {
      socket.close();
    }, OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(giveUp);
      if (this.intervalMs > 0) this.start();
    };
    socket.onmessage = (event) => {
      this.message(String(event.data));
    };
    socket.onclose = () => {
      clearTimeout(giveUp);
      if (this.socket !== socket) return;
      this.socket = null;
      this.socketFailedAt = performance.now();
      if (this.request !== null && this.intervalMs > 0 && !this.hidden) this.poll();
    };
  }

  private start(): void {
    if (this.request === null) return;
    clearTimeout(this.timer);
    this.send({ type: "run", id: String(this.generation), intervalMs: this.intervalMs, ...this.request });
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private message(text: string): void {
    const message = JSON.parse(text) as { type: string; id: string; result?: RunResult; error?: ErrorBody };
    if (message.id !== String(this.generation) && message.id !== "") return;
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
