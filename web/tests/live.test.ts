import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveRunner, type LiveState } from "../src/model/live";

class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { type: string; id: string; script?: string; intervalMs?: number }[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as FakeSocket["sent"][number]);
  }
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  answer(script: string, id = this.sent.filter((message) => message.type === "run").at(-1)?.id) {
    this.onmessage?.({ data: JSON.stringify({ type: "result", id, result: { script } }) });
  }
}

let state: LiveState;
let posts: string[];
let runner: LiveRunner;
const socket = () => FakeSocket.all.at(-1) as FakeSocket;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  posts = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("location", { protocol: "http:", host: "localhost" });
  vi.stubGlobal("fetch", (path: string, init: { body: string }) => {
    posts.push(`${path} ${init.body}`);
    return Promise.resolve({ ok: true, status: 200, text: () => Promise.resolve('{"script":"posted"}') });
  });
  runner = new LiveRunner((next) => { state = next; });
});

afterEach(() => {
  runner.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("follows a script over the socket", () => {
  runner.watch({ script: "a" }, 5000);
  expect(state.loading).toBe(true);
  socket().open();
  expect(socket().sent.at(-1)).toMatchObject({ type: "run", script: "a", intervalMs: 5000 });
  socket().answer("a");
  expect(state).toMatchObject({ loading: false, transport: "socket", error: null, result: { script: "a" } });
  expect(posts).toEqual([]);
});

test("an answer to an earlier question is dropped, the last content stays meanwhile", () => {
  runner.watch({ script: "a" }, 5000);
  socket().open();
  socket().answer("a");
  const old = socket().sent.at(-1)?.id;
  runner.watch({ script: "b" }, 5000);
  expect(socket().sent.slice(-2)).toMatchObject([{ type: "stop", id: old }, { type: "run", script: "b" }]);
  socket().answer("late a", old);
  expect(state).toMatchObject({ loading: true, result: { script: "a" } });
  socket().answer("b");
  expect(state.result?.script).toBe("b");
});

test("without a socket it asks again and again, and tries the socket later", async () => {
  runner.watch({ script: "a" }, 1000);
  socket().close();
  await vi.advanceTimersByTimeAsync(3500);
  expect(posts.length).toBeGreaterThanOrEqual(4);
  expect(state.transport).toBe("polling");
  await vi.advanceTimersByTimeAsync(9000);
  expect(FakeSocket.all.length).toBeGreaterThan(1);
});

test("a pause stops the runs and keeps what is shown; a new question while paused is asked once", async () => {
  runner.watch({ script: "a" }, 5000);
  socket().open();
  socket().answer("a");
  runner.watch({ script: "a" }, 0);
  expect(socket().sent.at(-1)?.type).toBe("stop");
  expect(state).toMatchObject({ loading: false, result: { script: "a" } });
  runner.watch({ script: "b" }, 0);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(posts).toEqual(['/api/run {"script":"b"}']);
});

test("a hidden page asks for nothing until it is seen again", () => {
  runner.watch({ script: "a" }, 5000);
  socket().open();
  runner.setHidden(true);
  expect(socket().sent.at(-1)?.type).toBe("stop");
  runner.setHidden(false);
  expect(socket().sent.at(-1)).toMatchObject({ type: "run", script: "a" });
});
