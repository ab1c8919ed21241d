/** A Vega or Vega-Lite chart. Its expressions are interpreted: the page's policy forbids to make code from text. */
import { useEffect, useRef, useState } from "react";
import * as vega from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";
import type { DisplaySpec, ResultTable } from "../api";
import { useTheme } from "../model/theme";
import { parseSpec, records, withData } from "./spec";

const REFUSED = "loading from elsewhere is not allowed";
/** Charts draw what the result holds; they load nothing. */
const loader = { ...vega.loader(), load: () => Promise.reject(new Error(REFUSED)), sanitize: () => Promise.reject(new Error(REFUSED)) };

export default function VegaChart({ tables, table, spec, name }: { tables: readonly ResultTable[]; table: ResultTable; spec: DisplaySpec; name: string }) {
  const theme = useTheme();
  const host = useRef<HTMLDivElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    let view: vega.View | null = null;
    const draw = async () => {
      try {
        const parsed = parseSpec(spec.spec);
        const { width, height } = element.getBoundingClientRect();
        const sized = withData(parsed, tables, table, Math.max(width - 8, 80), Math.max(height - 8, 60));
        const css = getComputedStyle(document.documentElement);
        const color = (of: string) => css.getPropertyValue(of).trim();
        const config = { background: "transparent", axis: { labelColor: color("--muted"), titleColor: color("--muted"), gridColor: color("--line"), domainColor: color("--line-strong"), tickColor: color("--line-strong") }, legend: { labelColor: color("--text"), titleColor: color("--muted") }, title: { color: color("--text") }, style: { "group-title": { fill: color("--text") } }, view: { stroke: null } };
        const compiled = sized.lite ? compile(sized.spec as unknown as TopLevelSpec, { config }).spec : (sized.spec as vega.Spec);
        view = new vega.View(vega.parse(compiled, sized.lite ? undefined : (config as vega.Config), { ast: true }), { expr: expressionInterpreter, loader: loader as unknown as vega.Loader, renderer: "canvas", container: element, hover: true });
        for (const each of tables) if (sized.names.has(each.name)) view.data(each.name, records(each));
        await view.runAsync();
        setProblem(null);
      } catch (error) {
        setProblem(error instanceof Error ? error.message : String(error));
      }
    };
    void draw();
    let size = JSON.stringify([element.clientWidth, element.clientHeight]);
    const observer = new ResizeObserver(() => {
      const now = JSON.stringify([element.clientWidth, element.clientHeight]);
      if (now === size || element.clientWidth === 0) return;
      size = now;
      view?.finalize();
      element.replaceChildren();
      void draw();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      view?.finalize();
      element.replaceChildren();
    };
  }, [tables, table, spec, theme]);
  return (
    <div className="vega" data-testid={`vega-${name}`}>
      {problem !== null && <p className="none">The chart cannot be drawn: {problem}. The data drawer (d) has the rows.</p>}
      <div className="vega-host" ref={host} hidden={problem !== null} />
    </div>
  );
}
