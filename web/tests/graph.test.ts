import { describe, expect, test } from "vitest";
import type { Cell, Column, ResultTable } from "../src/api";
import { edgeShape } from "../src/graph/edgePath";
import { type Box, freeLayout, layeredLayout, layoutKey } from "../src/graph/layout";
import { labelPlaces } from "../src/graph/labels";
import { type GraphSpec, graphModel, graphSpec, MAX_NODES, workload } from "../src/graph/model";
import { fitted } from "../src/graph/useViewport";

const columns: Column[] = [
  { name: "src", type: "STRING", semanticType: "NONE" },
  { name: "dest", type: "STRING", semanticType: "NONE" },
  { name: "rate", type: "FLOAT64", semanticType: "THROUGHPUT_BYTES_PER_NS" },
  { name: "p99", type: "INT64", semanticType: "DURATION_NS" },
];
const table = (rows: Cell[][]): ResultTable => ({ name: "t", columns, rows, numRows: rows.length, truncated: false });
const spec = { "@type": "types.px.dev/px.vispb.Graph", adjacencyList: { fromColumn: "src", toColumn: "dest" }, edgeWeightColumn: "rate", edgeHoverInfo: ["p99", "nothing"] };
const settings = (more: object = {}) => graphSpec({ ...spec, ...more }, columns) as GraphSpec;
const model = (rows: Cell[][], more: object = {}, unfold = false) => graphModel(table(rows), settings(more), new Set(["px-kafka/a"]), unfold);

const overlaps = (boxes: Box[]) => boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2));

test("an edge is coloured by how its reader does, where the rows say so", () => {
  const judged: ResultTable = { ...table([["order", "topic/order", 1, 1, "", null], ["topic/order", "shipping", 1, 1, "OK", 0.5], ["topic/order", "billing", 1, 1, "OK", 90], ["topic/order", "invoicing", 1, 1, "ERR", 90]]), columns: [...columns, { name: "verdict", type: "STRING", semanticType: "NONE" }, { name: "lag_seconds", type: "FLOAT64", semanticType: "NONE" }] };
  const found = graphModel(judged, settings(), new Set(), false).edges;
  expect(Object.fromEntries(found.map((edge) => [edge.to, edge.state]))).toEqual({ "topic/order": "unknown", shipping: "ok", billing: "warn", invoicing: "bad" });
  const facts = (to: string) => Object.fromEntries(found.find((edge) => edge.to === to)?.facts ?? []);
  expect([facts("topic/order").verdict, facts("billing").verdict, facts("billing").lag_seconds]).toEqual([undefined, "behind", "1 min 30 s"]);
});

describe("the model", () => {
  test("has a node for each name and an edge for each row, thicker for more", () => {
    const { nodes, edges } = model([["order", "topic/order", 450e-9, 1], ["topic/order", "shipping", 450e-9, 2], ["topic/order", "invoicing", 200e-9, 3]]);
    expect(nodes.map((node) => [node.id, node.kind])).toEqual([["invoicing", "client"], ["order", "client"], ["shipping", "client"], ["topic/order", "topic"]]);
    const width = (to: string) => edges.find((edge) => edge.to === to)?.width ?? 0;
    expect(width("shipping")).toBe(6);
    expect(width("invoicing")).toBeLessThan(width("shipping"));
    expect(edges.find((edge) => edge.to === "invoicing")?.facts).toEqual([["p99", "3 ns"], ["rate", "200 B/s"]]);
  });
  test("keeps rows with the same ends side by side", () => {
    expect(model([["a", "b", 1, 1], ["a", "b", 2, 2]]).edges.map((edge) => [edge.lane, edge.lanes])).toEqual([[0, 2], [1, 2]]);
  });
  test("knows pods by the list of pods, and addresses", () => {
    expect(model([["px-kafka/a", "10.0.0.7", 1, 1]]).nodes.map((node) => node.kind)).toEqual(["address", "pod"]);
  });
  test("colours edges only when the vis spec says by what", () => {
    const rows: Cell[][] = [["a", "b", 1, 100e6], ["a", "c", 1, 200e6], ["a", "d", 1, 900e6], ["a", "e", 1, null]];
    expect(model(rows).edges.map((edge) => edge.state)).toEqual(["unknown", "unknown", "unknown", "unknown"]);
    expect(model(rows, { edgeColorColumn: "p99" }).edges.map((edge) => edge.state)).toEqual(["ok", "warn", "bad", "unknown"]);
    expect(model(rows, { edgeColorColumn: "p99", edgeThresholds: { mediumThreshold: 1, highThreshold: 2 } }).edges.map((edge) => edge.state)).toEqual(["bad", "bad", "bad", "unknown"]);
  });
  test("folds replicas above 40 nodes, adds their rates up and takes the worst latency", () => {
    const rows = Array.from({ length: 50 }, (_, i): Cell[] => [`api-${i}`, "topic/t", 1e-9, i]);
    const folded = model(rows, { edgeColorColumn: "p99" });
    expect(folded.nodes.map((node) => node.label)).toEqual(["api ×50", "topic/t"]);
    expect(folded.edges[0]?.weightText).toBe("50 B/s");
    expect(folded.edges[0]?.facts[0]).toEqual(["p99 (greatest of 50)", "49 ns"]);
    expect(model(rows, {}, true).nodes).toHaveLength(51);
  });
  test("keeps the heaviest edges of what nobody could read", () => {
    const rows = Array.from({ length: 900 }, (_, i): Cell[][] => [[`p${i}x`, `topic/${i}`, i, 1], [`topic/${i}`, `c${i}x`, 1, 1]]).flat();
    const { nodes, edges, leftOut } = model(rows, {}, true);
    expect(nodes.length).toBeGreaterThan(MAX_NODES - 3);
    expect(nodes.length).toBeLessThanOrEqual(MAX_NODES);
    expect(edges.length + leftOut).toBe(1800);
    const topics = nodes.filter((node) => node.kind === "topic").map((node) => Number(node.id.slice(6)));
    expect(Math.min(...topics)).toBe(900 - topics.length);
    expect(edges.filter((edge) => edge.to.startsWith("c")).length).toBeGreaterThanOrEqual(topics.length - 1);
  });
  test("says what is missing", () => {
    expect(graphSpec({ ...spec, adjacencyList: { fromColumn: "src", toColumn: "gone" } }, columns)).toBeNull();
  });
  test("reads a request graph, from services where there are some", () => {
    const request = { "@type": "types.px.dev/px.vispb.RequestGraph", requestorServiceColumn: "gone", requestorPodColumn: "src", responderIPColumn: "dest", p99Column: "p99" };
    expect(graphSpec(request, columns)).toMatchObject({ from: "src", to: "dest", color: "p99", hover: ["p99"] });
  });
});

test.each([["shipping-6d5f7b9c4-abcde", "shipping"], ["kafka-0", "kafka"], ["consumer-12-3", "consumer"], ["orders", "orders"], ["12345", "12345"]])("%s belongs to %s", (name, of) => {
  expect(workload(name)).toBe(of);
});

describe("the layout", () => {
  const hostile = ["__proto__", "constructor", "hasOwnProperty", "\u202Eredro", "x".repeat(249), "🦄".repeat(60), "", "<b>", "طلبات"];
  const rows: Cell[][] = hostile.flatMap((name, i): Cell[][] => [[`p${i}${name}`, `topic/${name}`, 1, 1], [`topic/${name}`, `c${name}`, 1, 1], [`c${name}`, `topic/${hostile[0] ?? ""}`, 1, 1], [name, name, 1, 1]]);
  test.each([["in layers", (m: ReturnType<typeof model>) => layeredLayout(m)], ["free", (m: ReturnType<typeof model>) => freeLayout(m, 100)]])("%s has no overlaps, cycles and loops included", (_, layout) => {
    const made = model(rows, {}, true);
    const { boxes, width, height } = layout(made);
    expect(boxes.size).toBe(made.nodes.length);
    expect(overlaps([...boxes.values()])).toEqual([]);
    for (const box of boxes.values()) {
      expect(box.x - box.width / 2).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width / 2).toBeLessThanOrEqual(width);
      expect(box.y + box.height / 2).toBeLessThanOrEqual(height);
    }
  });
  test("goes from left to right: producer, topic, consumer", () => {
    const { boxes } = layeredLayout(model([["z-producer", "topic/t", 1, 1], ["topic/t", "a-consumer", 1, 1]]));
    const x = (id: string) => boxes.get(id)?.x ?? 0;
    expect(x("z-producer")).toBeLessThan(x("topic/t"));
    expect(x("topic/t")).toBeLessThan(x("a-consumer"));
  });
  test("stays when only rates change or rows come in another order", () => {
    const key = (all: Cell[][]) => layoutKey(model(all), true);
    const first: Cell[][] = [["a", "b", 1, 1], ["b", "c", 2, 2]];
    expect(key([["b", "c", 9, 9], ["a", "b", 8, 8]])).toBe(key(first));
    expect(key([...first, ["c", "d", 1, 1]])).not.toBe(key(first));
  });
  test("draws every edge, also loops and edges of moved boxes", () => {
    const made = model(rows, {}, true);
    const layout = layeredLayout(made);
    for (const edge of made.edges) for (const moved of [new Set<string>(), new Set([edge.from])]) expect(edgeShape(edge, layout, moved)?.path).toMatch(/^M[-\d.e]+,[-\d.e]+[CQ]/);
  });
});

describe("labels", () => {
  const small: Cell[][] = [["order", "topic/order", 1e-6, 1], ...["shipping", "invoicing", "billing"].map((to): Cell[] => ["topic/order", to, 3e-4, 1]), ["rdkafka", "topic/a", 3e-4, 1], ["topic/a", "rdkafka", 3e-4, 1], ["a", "b", 1e-6, 1], ["a", "b", 2e-6, 2]];
  test.each([["in layers", layeredLayout], ["free", (made: Parameters<typeof layeredLayout>[0]) => freeLayout(made, 100)]])("never stand on each other %s", (_, arrange) => {
    const made = model(small);
    const layout = arrange(made);
    const labels = labelPlaces(made.edges.map((edge) => ({ edge, shape: edgeShape(edge, layout, new Set()) })));
    expect(labels).toHaveLength(made.edges.length);
    expect(overlaps(labels)).toEqual([]);
  });
  test("do not move the graph when rates get longer", () => {
    const boxes = (rate: number) => [...layeredLayout(model(small.map(([from = null, to = null]) => [from, to, rate, 1]))).boxes.values()].map(({ x, y }) => [x, y]);
    expect(boxes(1e-9)).toEqual(boxes(1023e-6));
  });
});

test.each([[600, 300, 600, 300], [100, 30, 800, 400], [2000, 200, 400, 220]])("a graph of %d × %d fits into %d × %d above its tools", (width, height, boxWidth, boxHeight) => {
  const view = fitted(width, height, boxWidth, boxHeight);
  expect(view.y).toBeGreaterThanOrEqual(0);
  expect(view.y + height * view.scale).toBeLessThanOrEqual(boxHeight - 38);
  expect(view.x + width * view.scale).toBeLessThanOrEqual(boxWidth + 1e-9);
});

test("a request graph is of services or pods, coloured by latency or errors", () => {
  const spec = { "@type": "types.px.dev/px.vispb.RequestGraph", requestorServiceColumn: "a", responderServiceColumn: "b", requestorPodColumn: "c", responderPodColumn: "d", p99Column: "p99", errorRateColumn: "rate" };
  const columns = ["a", "b", "c", "d", "p99", "rate"].map((name) => ({ name, type: "STRING" as const, semanticType: "NONE" }));
  expect(graphSpec(spec, columns)).toMatchObject({ from: "a", to: "b", color: "p99", high: 200e6 });
  expect(graphSpec(spec, columns, { pods: true, errors: true })).toMatchObject({ from: "c", to: "d", color: "rate", high: 0.02 });
});
