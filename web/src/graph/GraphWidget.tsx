/** A graph of who sends to whom: layers from left to right, width by weight, facts on hover, links on click. */
import { type KeyboardEvent, useMemo, useState } from "react";
import type { DisplaySpec, ResultTable } from "../api";
import { entityPlace, usePage } from "../model/context";
import type { Place } from "../model/location";
import { visible } from "../model/format";
import { Icon } from "../page/Icon";
import { edgeShape } from "./edgePath";
import { labelPlaces } from "./labels";
import { type Box, freeLayout, LABELLED_EDGES, layeredLayout, type Layout, layoutKey } from "./layout";
import { type GraphEdge, graphModel, type GraphNode, graphSpec, isRequestGraph, type RequestView } from "./model";
import { drag, useViewport } from "./useViewport";

interface Hover {
  node?: GraphNode;
  edge?: GraphEdge;
  x: number;
  y: number;
}

export function GraphWidget({ table, spec, name }: { table: ResultTable; spec: DisplaySpec; name: string }) {
  const page = usePage();
  const [view, setView] = useState<RequestView>({ pods: false, errors: false });
  const settings = useMemo(() => graphSpec(spec, table.columns, view), [spec, table.columns, view]);
  const [layered, setLayered] = useState<boolean | null>(null);
  const [unfold, setUnfold] = useState(false);
  const [query, setQuery] = useState("");
  const [hover, setHover] = useState<Hover | null>(null);
  const [moved, setMoved] = useState<{ key: string; at: Map<string, { x: number; y: number }> }>({ key: "", at: new Map() });
  const model = useMemo(() => (settings ? graphModel(table, settings, page.pods, unfold) : null), [table, settings, page.pods, unfold]);
  const inLayers = layered ?? settings?.layered ?? true;
  const key = model ? layoutKey(model, inLayers) : "";
  const edgeLength = typeof spec.edgeLength === "number" ? spec.edgeLength : 100;
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the key holds all that moves things; new rates must not
  const base = useMemo(() => (model && model.nodes.length > 0 ? (inLayers ? layeredLayout(model) : freeLayout(model, edgeLength)) : null), [key, edgeLength]);
  const layout = useMemo(() => base && withMoved(base, moved.key === key ? moved.at : null), [base, moved, key]);
  const viewport = useViewport(layout?.width ?? 100, layout?.height ?? 100);
  const movedIds = new Set(moved.key === key ? moved.at.keys() : []);

  if (!settings || !model || model.problem !== null) return <p className="none">The graph cannot be drawn: {model?.problem ?? "its from and to columns are not in the table"}. The data drawer (d) has the rows.</p>;
  if (!layout) return null;

  const focus = focusSet(model.edges, hover, query, model.nodes);
  const dim = (id: string) => (focus !== null && !focus.has(id) ? " dim" : "");
  const { x, y, scale } = viewport.view;
  const edges = model.edges.map((edge) => ({ edge, shape: edgeShape(edge, layout, movedIds) }));
  const labels = model.edges.length <= LABELLED_EDGES ? labelPlaces(edges) : [];
  const edgeFocused = (edge: GraphEdge) => focus === null || (hover?.edge ? hover.edge.id === edge.id : focus.has(edge.from) && focus.has(edge.to));

  const startDrag = (event: React.PointerEvent, node: GraphNode, box: Box, target: (() => void) | null) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    const from = { x: event.clientX, y: event.clientY };
    drag(
      (now) => {
        setHover(null);
        const at = { x: box.x + (now.clientX - from.x) / viewport.latest.current.scale, y: box.y + (now.clientY - from.y) / viewport.latest.current.scale };
        setMoved((old) => ({ key, at: new Map(old.key === key ? old.at : []).set(node.id, at) }));
      },
      (wasMoved) => { if (!wasMoved) target?.(); },
    );
  };
  const hoverAt = (event: React.PointerEvent, what: Omit<Hover, "x" | "y">) => {
    const area = viewport.root.current?.getBoundingClientRect();
    setHover({ ...what, x: event.clientX - (area?.left ?? 0), y: event.clientY - (area?.top ?? 0) });
  };

  return (
    <div className={`graph${viewport.focused ? " focused" : ""}`} ref={viewport.root} data-testid={`graph-${name}`} onKeyDown={(event) => { if (event.key === "Escape") { viewport.blur(); setQuery(""); } }} onPointerLeave={() => { setHover(null); }}>
      <svg width="100%" height="100%" role="group" aria-label={`${name}: ${model.nodes.length} nodes, ${model.edges.length} edges`} onPointerDown={viewport.pan}>
        <defs>
          {["unknown", "ok", "warn", "bad", "focus"].map((state) => (
            <marker key={state} id={`arrow-${state}`} viewBox="0 0 10 10" refX="1" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0,0.5 10,5 0,9.5z" className={`arrow-${state}`} />
            </marker>
          ))}
        </defs>
        <g transform={`translate(${x},${y}) scale(${scale})`}>
          {edges.map(({ edge, shape }) => shape && (
            <g
              key={edge.id} className={`edge state-${edge.state}${edgeFocused(edge) ? "" : " dim"}${hover?.edge?.id === edge.id ? " hovered" : ""}`} data-testid="graph-edge" data-from={edge.from} data-to={edge.to}
              data-weight={edge.weight ?? ""} tabIndex={0} role="img" aria-label={`${visible(edge.from)} to ${visible(edge.to)}: ${edge.facts.map((fact) => fact.join(" ")).join(", ")}`}
              onPointerMove={(event) => { hoverAt(event, { edge }); }} onPointerLeave={() => { setHover(null); }}
              onFocus={() => { setHover({ edge, x: shape.middle.x * scale + x, y: shape.middle.y * scale + y }); }} onBlur={() => { setHover(null); }}
            >
              <path d={shape.path} className="edge-hit" />
              <path d={shape.path} className="edge-line" strokeWidth={edge.width} markerEnd={`url(#arrow-${edge.state})`} />
            </g>
          ))}
          {labels.map((label) => (
            <g key={label.edge.id} className={`edge-label${edgeFocused(label.edge) ? "" : " dim"}`}>
              <rect x={label.x - label.width / 2} y={label.y - label.height / 2} width={label.width} height={label.height} />
              <text x={label.x} y={label.y + 4}>{label.edge.weightText}</text>
            </g>
          ))}
          {model.nodes.map((node) => {
            const box = layout.boxes.get(node.id);
            if (!box) return null;
            const target = nodeTarget(node, page.place, (value) => entityPlace(page, node.column, value), page.scripts.map((script) => script.name));
            const act = node.members.length > 1 ? () => { setUnfold(true); } : target ? () => { page.go(target.place); } : null;
            const title = node.members.length > 1 ? "show each" : target?.title;
            return (
              <g
                key={node.id} className={`node kind-${node.kind}${act ? " link" : ""}${dim(node.id)}`} data-testid="graph-node" data-node={node.id} data-kind={node.kind} transform={`translate(${box.x - box.width / 2},${box.y - box.height / 2})`}
                tabIndex={0} role={act ? "link" : "img"} aria-label={`${node.kind} ${box.text}${box.text === node.label ? "" : ` (${node.label})`}${title === undefined ? "" : `, ${title}`}`}
                onPointerDown={(event) => { startDrag(event, node, box, act); }} onPointerMove={(event) => { hoverAt(event, { node }); }} onPointerLeave={() => { setHover(null); }}
                onKeyDown={(event: KeyboardEvent) => { if (event.key === "Enter" && act) act(); }} onFocus={() => { setHover({ node, x: box.x * scale + x, y: (box.y + box.height / 2) * scale + y }); }} onBlur={() => { setHover(null); }}
              >
                <rect width={box.width} height={box.height} rx={node.kind === "topic" ? box.height / 2 : 4} />
                <g transform={`translate(8,${box.height / 2 - 7})`}><Icon name={node.members.length > 1 ? "fold" : node.kind} /></g>
                <text x={27} y={box.height / 2 + 4.5} direction="ltr">{box.text}</text>
              </g>
            );
          })}
        </g>
      </svg>
      {model.leftOut > 0 && <p className="graph-note state-warn" data-testid="graph-left-out">{model.edges.length} of {model.edges.length + model.leftOut} edges, the heaviest: choose a namespace or a topic to see others</p>}
      <div className="graph-tools" role="toolbar" aria-label="graph">
        {model.nodes.length > 12 && <input type="search" className="graph-search" data-testid="graph-search" placeholder="focus on…" aria-label="focus on nodes" value={query} onChange={(event) => { setQuery(event.target.value); }} />}
        {model.foldable && <button type="button" className="icon-button" aria-pressed={!unfold} title={unfold ? "fold replicas" : "show each replica"} aria-label={unfold ? "fold replicas" : "show each replica"} onClick={() => { setUnfold(!unfold); viewport.fit(); }}><Icon name="fold" /></button>}
        {isRequestGraph(spec) && <button type="button" className="link graph-choice" data-testid="graph-pods" aria-pressed={view.pods} title="nodes are services or pods" onClick={() => { setView({ ...view, pods: !view.pods }); viewport.fit(); }}>{view.pods ? "pods" : "services"}</button>}
        {isRequestGraph(spec) && <button type="button" className="link graph-choice" data-testid="graph-errors" aria-pressed={view.errors} title="the colour says p99 latency or the share of errors" onClick={() => { setView({ ...view, errors: !view.errors }); }}>{view.errors ? "errors" : "latency"}</button>}
        <button type="button" className="icon-button" data-testid="graph-hierarchy" aria-pressed={inLayers} title={inLayers ? "free arrangement" : "layers from left to right"} aria-label="hierarchy" onClick={() => { setLayered(!inLayers); viewport.fit(); }}><Icon name="layers" /></button>
        <button type="button" className="icon-button" title="zoom in" aria-label="zoom in" onClick={() => { viewport.zoom(1.3); }}><Icon name="plus" /></button>
        <button type="button" className="icon-button" title="zoom out" aria-label="zoom out" onClick={() => { viewport.zoom(1 / 1.3); }}><Icon name="minus" /></button>
        <button type="button" className="icon-button" data-testid="graph-fit" title="fit" aria-label="fit" onClick={() => { viewport.fit(); setMoved({ key: "", at: new Map() }); }}><Icon name="fit" /></button>
      </div>
      {hover && <Tooltip hover={hover} model={model} width={viewport.root.current?.clientWidth ?? 600} height={viewport.root.current?.clientHeight ?? 300} />}
    </div>
  );
}

function withMoved(base: Layout, at: Map<string, { x: number; y: number }> | null): Layout {
  if (!at || at.size === 0) return base;
  return { ...base, boxes: new Map([...base.boxes].map(([id, box]) => [id, { ...box, ...at.get(id) }])) };
}

/** What stays bright: what is hovered with its neighbours, or what fits the search with theirs; `null` is everything. */
function focusSet(edges: readonly GraphEdge[], hover: Hover | null, query: string, nodes: readonly GraphNode[]): Set<string> | null {
  const wanted = query.trim().toLowerCase();
  const roots = hover?.node ? [hover.node.id] : wanted !== "" ? nodes.filter((node) => `${node.label} ${node.members.join(" ")}`.toLowerCase().includes(wanted)).map((node) => node.id) : [];
  if (hover?.edge) return new Set([hover.edge.from, hover.edge.to]);
  if (roots.length === 0) return wanted === "" ? null : new Set();
  const near = new Set(roots);
  for (const edge of edges) {
    if (roots.includes(edge.from)) near.add(edge.to);
    if (roots.includes(edge.to)) near.add(edge.from);
  }
  return near;
}

/** Where a click leads: a pod's page, or a topic's delays. */
function nodeTarget(node: GraphNode, place: Place, entity: (value: string) => Place | null, scripts: string[]): { place: Place; title: string } | null {
  const id = node.members[0] ?? node.id;
  if (node.kind === "topic") {
    const topic = id.replace(/^topic\//, "");
    const args = { ...(place.args.start_time === undefined ? {} : { start_time: place.args.start_time }), ...(place.args.namespace === undefined ? {} : { namespace: place.args.namespace }), topic };
    const script = scripts.includes("px/kafka_producer_consumer_latency") && place.args.topic === topic ? "px/kafka_producer_consumer_latency" : "px/kafka_overview";
    return scripts.includes(script) ? { place: { script, args, view: place.view }, title: script === "px/kafka_overview" ? "only this topic" : "how long its records take" } : null;
  }
  // A client id that several pods share carries the pod's name in parentheses.
  const pod = /\(([^()]+\/[^()]+)\)$/.exec(id)?.[1] ?? id;
  const found = entity(pod);
  return found ? { place: found, title: `open ${found.script ?? ""}` } : null;
}

function Tooltip({ hover, model, width, height }: { hover: Hover; model: { edges: GraphEdge[] }; width: number; height: number }) {
  const { node, edge } = hover;
  const style = { ...(hover.x > width / 2 ? { right: width - hover.x + 14 } : { left: hover.x + 14 }), ...(hover.y > height / 2 ? { bottom: height - hover.y + 10 } : { top: hover.y + 10 }) };
  const name = (id: string) => <bdi>{visible(id.replace(/^fold:[a-z]+\//, ""))}</bdi>;
  return (
    <div className="tooltip" role="tooltip" data-testid="graph-tooltip" style={style}>
      {edge && (
        <>
          <div className="tooltip-title">{name(edge.from)} → {name(edge.to)}</div>
          <table><tbody>{edge.facts.map(([fact, value]) => <tr key={fact}><th>{fact}</th><td>{value}</td></tr>)}</tbody></table>
        </>
      )}
      {node && (
        <>
          <div className="tooltip-title">{node.kind} {name(node.members.length > 1 ? node.label : (node.members[0] ?? node.id))}</div>
          {node.members.length > 1 && <p>{node.members.slice(0, 8).map((member) => <span key={member} className="member"><bdi>{visible(member)}</bdi></span>)}{node.members.length > 8 && `and ${node.members.length - 8} more`}</p>}
          <table><tbody>
            {model.edges.filter((each) => each.from === node.id || each.to === node.id).sort((a, b) => (b.weight ?? 0) - (a.weight ?? 0)).slice(0, 8).map((each) => (
              <tr key={each.id}><th>{each.from === node.id ? "→ " : "← "}{name(each.from === node.id ? each.to : each.from)}</th><td>{each.weightText}</td></tr>
            ))}
          </tbody></table>
        </>
      )}
    </div>
  );
}
