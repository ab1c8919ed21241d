/** Completion in a vis spec: its keys, display kinds, variable types, and the names that the script and the spec itself give. */
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";

const KINDS = ["Table", "Graph", "RequestGraph", "TimeseriesChart", "BarChart", "HistogramChart", "PieChart", "GaugeChart", "StatChart", "TextChart", "VegaChart", "StackTraceFlameGraph"];
const TYPES = ["PX_BOOLEAN", "PX_INT64", "PX_FLOAT64", "PX_STRING", "PX_SERVICE", "PX_POD", "PX_CONTAINER", "PX_NAMESPACE", "PX_NODE", "PX_LIST", "PX_STRING_LIST"];
const MODES = ["MODE_LINE", "MODE_POINT", "MODE_AREA"];

/** Keys with what they hold. */
const KEYS: Record<string, string> = {
  variables: "arguments of the script", globalFuncs: "functions run once, for several widgets", widgets: "what is shown", name: "", type: "of a variable", defaultValue: "always a string; absent is required",
  description: "", validValues: "a drop-down", outputName: "table name of a global function", func: "function of the script", args: "of the function", variable: "takes a variable's value", value: "a constant, or a column",
  position: "on 12 columns", x: "", y: "", w: "", h: "", globalFuncOutputName: "table of a global function", displaySpec: "how it is shown", "@type": "display kind",
  gutterColumn: "Table: icon column", adjacencyList: "Graph: ends of the edges", fromColumn: "", toColumn: "", edgeWeightColumn: "Graph: width", edgeColorColumn: "Graph: colour", edgeThresholds: "Graph", mediumThreshold: "", highThreshold: "",
  edgeHoverInfo: "Graph: columns of the tooltip", edgeLength: "", enableDefaultHierarchy: "Graph: layers", timeseries: "TimeseriesChart: lines", series: "one line for each value", mode: "line, points or area", stackBySeries: "",
  title: "", xAxis: "", yAxis: "", label: "", bar: "BarChart", stackBy: "", groupBy: "", horizontal: "", histogram: "HistogramChart", maxbins: "", minstep: "", prebinCount: "", pie: "PieChart", stat: "StatChart", gauge: "GaugeChart", body: "TextChart", spec: "VegaChart",
  stacktraceColumn: "StackTraceFlameGraph", countColumn: "StackTraceFlameGraph", requestorPodColumn: "RequestGraph", responderPodColumn: "RequestGraph", requestorServiceColumn: "RequestGraph", responderServiceColumn: "RequestGraph",
  requestorIPColumn: "RequestGraph", responderIPColumn: "RequestGraph", p50Column: "RequestGraph", p90Column: "RequestGraph", p99Column: "RequestGraph", errorRateColumn: "RequestGraph", requestsPerSecondColumn: "RequestGraph",
  inboundBytesPerSecondColumn: "RequestGraph", outboundBytesPerSecondColumn: "RequestGraph", totalRequestCountColumn: "RequestGraph",
}; // prettier-ignore

const all = (pattern: RegExp, text: string): string[] => [...new Set([...text.matchAll(pattern)].map((found) => found[1] ?? ""))];

/** What may stand in a string of a vis spec: `before` is the text of the line up to the cursor. */
export function visOptions(before: string, vis: string, pxl: string): { label: string; detail?: string }[] {
  const key = /"([@\w]+)"\s*:\s*\[?[^"]*(?:"[^"]*",\s*)*"[^"]*$/.exec(before)?.[1];
  const names = (list: readonly string[]) => list.map((label) => ({ label }));
  if (key === undefined || !/:\s*\[?[^{}]*$/.test(before)) return Object.entries(KEYS).map(([label, detail]) => ({ label, ...(detail === "" ? {} : { detail }) }));
  switch (key) {
    case "@type":
      return KINDS.map((kind) => ({ label: `types.px.dev/px.vispb.${kind}`, detail: kind }));
    case "type":
      return names(TYPES);
    case "mode":
      return names(MODES);
    case "variable":
      return names(all(/"name"\s*:\s*"([^"]+)"\s*,\s*"type"/g, vis));
    case "globalFuncOutputName":
      return names(all(/"outputName"\s*:\s*"([^"]+)"/g, vis));
    case "name":
      return names([...all(/^def\s+(\w+)\s*\(/gm, pxl), ...all(/^def\s+\w+\s*\(([^)]*)\)/gm, pxl).flatMap((list) => list.split(",").map((each) => each.split(":")[0]?.trim() ?? "")).filter(Boolean)]);
    default:
      // Columns: names that the script's tables are built from.
      return names(all(/[.'"](\w+)['"]?\s*[=\],)]/g, pxl).filter((name) => name.length > 1));
  }
}

export function visCompletion(texts: () => { vis: string; pxl: string }) {
  return (context: CompletionContext): CompletionResult | null => {
    const quoted = context.matchBefore(/"[^"\n]*/);
    if (!quoted) return null;
    const { vis, pxl } = texts();
    const line = context.state.doc.lineAt(context.pos);
    return { from: quoted.from + 1, options: visOptions(line.text.slice(0, context.pos - line.from), vis, pxl), validFor: /^[^"\n]*$/ };
  };
}
