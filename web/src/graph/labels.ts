/** Where edges' labels stand: on their lines, and never on each other. */
import { textWidth } from "../model/measure";
import type { EdgeShape } from "./edgePath";
import { type Box, separate } from "./layout";
import type { GraphEdge } from "./model";

const HEIGHT = 15;

export interface Label extends Box {
  edge: GraphEdge;
}

export function labelPlaces(edges: readonly { edge: GraphEdge; shape: EdgeShape | null }[]): Label[] {
  const labels = edges.flatMap(({ edge, shape }) => (shape === null || edge.weightText === "" ? [] : [{ edge, x: shape.middle.x, y: shape.middle.y, width: textWidth(edge.weightText) + 10, height: HEIGHT, text: edge.weightText }]));
  separate(labels, 2);
  return labels;
}
