/** The line of an edge: through the layout's points, or straight between boxes that were moved. */
import type { GraphEdge } from "./model";
import type { Box, Layout } from "./layout";

interface Point {
  x: number;
  y: number;
}

export interface EdgeShape {
  path: string;
  /** Where the label stands. */
  middle: Point;
}

const ARROW = 7;

/** `moved` are nodes that were dragged: the layout's points no longer fit them. */
export function edgeShape(edge: GraphEdge, layout: Layout, moved: ReadonlySet<string>): EdgeShape | null {
  const [from, to] = [layout.boxes.get(edge.from), layout.boxes.get(edge.to)];
  if (!from || !to) return null;
  if (edge.from === edge.to) return loop(from, edge.lane);
  const points = layout.paths.get(edge.id);
  if (points && points.length >= 3 && edge.lanes === 1 && !moved.has(edge.from) && !moved.has(edge.to)) return through(points);
  return between(from, to, edge);
}

function through(points: Point[]): EdgeShape {
  const first = points[0] as Point;
  const last = { ...(points[points.length - 1] as Point) };
  const before = points[points.length - 2] as Point;
  const length = Math.hypot(last.x - before.x, last.y - before.y) || 1;
  last.x -= ((last.x - before.x) / length) * ARROW;
  last.y -= ((last.y - before.y) / length) * ARROW;
  const all = [first, ...points.slice(1, -1), last];
  let path = `M${first.x},${first.y}`;
  for (let i = 1; i < all.length - 1; i += 1) {
    const [here, next] = [all[i] as Point, all[i + 1] as Point];
    const end = i === all.length - 2 ? next : { x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 };
    path += `Q${here.x},${here.y} ${end.x},${end.y}`;
  }
  return { path, middle: onCurve(all) };
}

/** The point of the curve next to its middle control point. */
function onCurve(all: readonly Point[]): Point {
  const at = Math.floor(all.length / 2);
  const [before, here, after] = [all[at - 1], all[at], all[at + 1]];
  if (!before || !here || !after) return here ?? { x: 0, y: 0 };
  const from = at === 1 ? before : { x: (before.x + here.x) / 2, y: (before.y + here.y) / 2 };
  const to = at === all.length - 2 ? after : { x: (here.x + after.x) / 2, y: (here.y + after.y) / 2 };
  return { x: from.x / 4 + here.x / 2 + to.x / 4, y: from.y / 4 + here.y / 2 + to.y / 4 };
}

function between(from: Box, to: Box, edge: GraphEdge): EdgeShape {
  const forward = to.x - to.width / 2 > from.x + from.width / 2;
  const backward = from.x - from.width / 2 > to.x + to.width / 2;
  const shift = (edge.lane - (edge.lanes - 1) / 2) * 14;
  if (forward || backward) {
    const side = forward ? 1 : -1;
    const start = { x: from.x + (side * from.width) / 2, y: from.y + clampShift(shift) };
    const end = { x: to.x - side * (to.width / 2 + ARROW), y: to.y + clampShift(shift) };
    const reach = Math.max(30, Math.abs(end.x - start.x) / 2) * side;
    // Edges there and back between two nodes must not lie on each other.
    const bend = backward ? 26 : 0;
    return {
      path: `M${start.x},${start.y}C${start.x + reach},${start.y + shift + bend} ${end.x - reach},${end.y + shift + bend} ${end.x},${end.y}`,
      middle: { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 + shift * 0.75 + bend * 0.75 },
    };
  }
  const down = to.y > from.y ? 1 : -1;
  const start = { x: from.x + shift, y: from.y + (down * from.height) / 2 };
  const end = { x: to.x + shift, y: to.y - down * (to.height / 2 + ARROW) };
  const reach = Math.max(20, Math.abs(end.y - start.y) / 2) * down;
  return {
    path: `M${start.x},${start.y}C${start.x},${start.y + reach} ${end.x},${end.y - reach} ${end.x},${end.y}`,
    middle: { x: (start.x + end.x) / 2 + shift, y: (start.y + end.y) / 2 },
  };
}

const clampShift = (shift: number): number => Math.max(-10, Math.min(10, shift * 0.5));

function loop(box: Box, lane: number): EdgeShape {
  const top = box.y - box.height / 2;
  const reach = 26 + lane * 10;
  return { path: `M${box.x - 14},${top}C${box.x - 30},${top - reach} ${box.x + 30},${top - reach} ${box.x + 14},${top - ARROW + 4}`, middle: { x: box.x, y: top - reach * 0.75 } };
}
