/** One live connection for everything that the page watches. */

export interface SocketListener {
  opened: () => void;
  closed: () => void;
  message: (message: { type: string; id: string }) => void;
}

export type SocketState = "none" | "connecting" | "open" | "resting";

/** After a failure the socket rests for this long; meanwhile plain requests do. */
const REST_MS = 10_000;
const OPEN_TIMEOUT_MS = 3000;

export class LiveSocket {
  private socket: WebSocket | null = null;
  private failedAt = -Infinity;
  private readonly listeners = new Set<SocketListener>();

  get state(): SocketState {
    if (this.socket?.readyState === WebSocket.OPEN) return "open";
    if (this.socket?.readyState === WebSocket.CONNECTING) return "connecting";
    return performance.now() - this.failedAt < REST_MS ? "resting" : "none";
  }

  /** Hears of the connection until the returned function is called; the last to leave closes it. */
  join(listener: SocketListener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      const { socket } = this;
      this.socket = null;
      socket?.close();
    };
  }

  connect(): void {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    this.socket = socket;
    const giveUp = setTimeout(() => { socket.close(); }, OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(giveUp);
      for (const listener of [...this.listeners]) listener.opened();
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(String(event.data)) as { type: string; id: string };
      for (const listener of [...this.listeners]) listener.message(message);
    };
    socket.onclose = () => {
      clearTimeout(giveUp);
      if (this.socket !== socket) return;
      this.socket = null;
      this.failedAt = performance.now();
      for (const listener of [...this.listeners]) listener.closed();
    };
  }

  send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
