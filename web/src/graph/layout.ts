/** Where nodes and edges go: in layers from left to right, or free. Boxes never overlap. */
import dagre from "@dagrejs/dagre";
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY, type SimulationLinkDatum, type SimulationNodeDatum } from "d3-force";
import { middle } from "../model/format";
import { textWidth } from "../model/measure";
import type { GraphModel } from "./model";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  text: string;
}

export interface Layout {
  boxes: Map<string, Box>;
  /** Points of each edge, from border to border. */
  paths: Map<string, { x: number; y: number }[]>;
  width: number;
  height: number;
}

const LABEL_LIMIT = 34;
const NODE_HEIGHT = 30;
const CROWDED_HEIGHT = 24;
const CROWD = 25;
const ICON_WIDTH = 26;
/** With more edges than this, their labels come on hover only. */
export const LABELLED_EDGES = 14;
/** Room for a label, whatever it says: a rate that gets longer must not move the graph. */
const LABEL = { width: 64, height: 16 };

function size(label: string, crowded: boolean): { text: string; width: number; height: number } {
  const text = middle(label, LABEL_LIMIT);
  return { text, width: Math.ceil(textWidth(text)) + ICON_WIDTH + 12, height: crowded ? CROWDED_HEIGHT : NODE_HEIGHT };
}

/** Layers from left to right, in the order of the edges. */
export function layeredLayout(model: GraphModel): Layout {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  const crowded = model.nodes.length > CROWD;
  graph.setGraph({ rankdir: "LR", nodesep: crowded ? 6 : 18, ranksep: crowded ? 110 : 130, edgesep: crowded ? 4 : 8, marginx: 12, marginy: 12, ranker: "network-simplex" });
  const sizes = new Map(model.nodes.map((node) => [node.id, size(node.label, model.nodes.length > CROWD)]));
  // Names come from the wire and may hold what the library uses as separators: it gets numbers.
  const ids = new Map(model.nodes.map((node, index) => [node.id, `n${index}`]));
  const idOf = (id: string) => ids.get(id) ?? "";
  for (const node of model.nodes) graph.setNode(idOf(node.id), { ...sizes.get(node.id) });
  const room = model.edges.length <= LABELLED_EDGES && model.edges.some((edge) => edge.weightText !== "") ? { ...LABEL, labelpos: "c" } : {};
  model.edges.forEach((edge, index) => {
    if (edge.lane === 0) graph.setEdge(idOf(edge.from), idOf(edge.to), { ...room }, `e${index}`);
  });
  dagre.layout(graph);
  const boxes = new Map<string, Box>();
  for (const node of model.nodes) {
    const { x, y } = graph.node(idOf(node.id)) as { x: number; y: number };
    const own = sizes.get(node.id);
    if (own) boxes.set(node.id, { x, y, ...own });
  }
  const paths = new Map<string, { x: number; y: number }[]>();
  model.edges.forEach((edge, index) => {
    const found = edge.lane === 0 ? (graph.edge({ v: idOf(edge.from), w: idOf(edge.to), name: `e${index}` }) as { points?: { x: number; y: number }[] } | undefined)?.points : undefined;
    if (found && edge.from !== edge.to) paths.set(edge.id, found);
  });
  return extent(boxes, paths);
}

interface Body extends SimulationNodeDatum {
  id: string;
  width: number;
}

/** A free arrangement by forces, then pushed apart until no two boxes overlap. Starts from the same places each time. */
export function freeLayout(model: GraphModel, edgeLength: number): Layout {
  const sizes = new Map(model.nodes.map((node) => [node.id, size(node.label, model.nodes.length > CROWD)]));
  const bodies: Body[] = model.nodes.map((node, index) => {
    const angle = index * 2.4;
    const radius = 30 * Math.sqrt(index + 1);
    return { id: node.id, width: sizes.get(node.id)?.width ?? 100, x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
  });
  const links: SimulationLinkDatum<Body>[] = model.edges.filter((edge) => edge.from !== edge.to).map((edge) => ({ source: edge.from, target: edge.to }));
  const simulation = forceSimulation(bodies)
    .force("link", forceLink<Body, SimulationLinkDatum<Body>>(links).id((body) => body.id).distance(Math.min(Math.max(edgeLength, 80), 320)))
    .force("charge", forceManyBody().strength(-420))
    .force("collide", forceCollide<Body>((body) => body.width / 2.6))
    .force("x", forceX().strength(0.03))
    .force("y", forceY().strength(0.06))
    .stop();
  simulation.tick(model.nodes.length > 300 ? 120 : 260);
  const boxes = new Map<string, Box>();
  for (const body of bodies) {
    const own = sizes.get(body.id);
    if (own) boxes.set(body.id, { x: body.x ?? 0, y: body.y ?? 0, ...own });
  }
  separate([...boxes.values()]);
  return extent(boxes, new Map());
}

/** Pushes overlapping boxes apart along the shorter way. */
export function separate(boxes: Box[], gap = 8): void {
  for (let round = 0; round < 200; round += 1) {
    let moved = false;
    for (let i = 0; i < boxes.length; i += 1)
      for (let j = i + 1; j < boxes.length; j += 1) {
        const [a, b] = [boxes[i], boxes[j]];
        if (!a || !b) continue;
        const dx = (a.width + b.width) / 2 + gap - Math.abs(a.x - b.x);
        const dy = (a.height + b.height) / 2 + gap - Math.abs(a.y - b.y);
        if (dx <= 0 || dy <= 0) continue;
        moved = true;
        const axis = dx < dy ? "x" : "y";
        const push = (Math.min(dx, dy) / 2 + 0.5) * (a[axis] < b[axis] ? -1 : 1);
        a[axis] += push;
        b[axis] -= push;
      }
    if (!moved) return;
  }
}

function extent(boxes: Map<string, Box>, paths: Layout["paths"]): Layout {
  const all = [...boxes.values()];
  const left = Math.min(...all.map((box) => box.x - box.width / 2), 0) - 12;
  const top = Math.min(...all.map((box) => box.y - box.height / 2), 0) - 12;
  for (const box of all) {
    box.x -= left;
    box.y -= top;
  }
  const moved = new Map([...paths].map(([id, points]) => [id, points.map((point) => ({ x: point.x - left, y: point.y - top }))]));
  return {
    boxes,
    paths: moved,
    width: Math.max(...all.map((box) => box.x + box.width / 2), 40) + 12,
    height: Math.max(...all.map((box) => box.y + box.height / 2), 40) + 12,
  };
}

/** What decides the layout; as long as it stays the same, nothing moves. */
export function layoutKey(model: GraphModel, layered: boolean): string {
  return JSON.stringify([layered, model.nodes.map((node) => [node.id, node.label]), model.edges.map((edge) => edge.id)]);
}
