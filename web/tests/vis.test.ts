import { json } from "@codemirror/lang-json";
import { EditorState } from "@codemirror/state";
import { describe, expect, test } from "vitest";
import { visOptions } from "../src/editor/visComplete";
import { placeOfPath } from "../src/editor/visPlace";

const PXL = "import px\n\ndef topics(start_time: str, namespace: px.Namespace):\n    df.rate = 1\n    return df[['topic', 'rate']]\n";
const VIS = '{\n  "variables": [{"name": "start_time", "type": "PX_STRING"}],\n  "globalFuncs": [{"outputName": "all_topics"}],\n  "widgets": [\n    {"name": "a"},\n    {"name": "b",\n     "displaySpec": {}}\n  ]\n}';
const labels = (before: string) => visOptions(before, VIS, PXL).map((option) => option.label);

describe("completion in a vis spec", () => {
  test.each([
    ['  "', "displaySpec"],
    ['  {"', "globalFuncOutputName"],
    ['"@type": "types', "types.px.dev/px.vispb.Graph"],
    ['{"name": "x", "type": "PX', "PX_NAMESPACE"],
    ['"func": {"name": "', "topics"],
    ['{"name": "start_time", "variable": "', "start_time"],
    ['"globalFuncOutputName": "', "all_topics"],
    ['"edgeWeightColumn": "', "rate"],
    ['"mode": "', "MODE_AREA"],
  ])("after %s offers %s", (before, label) => {
    expect(labels(before)).toContain(label);
  });
});

test.each<[string, string | null]>([
  ["vis spec: widgets[1]: no display kind 'Tabel'", '{"name": "b",'],
  ["vis spec: variables[0]: no type", '{"name": "start_time", "type": "PX_STRING"}'],
  ["vis spec: widgets[7]: gone", '"widgets"'],
  ["something else", null],
])("the error %s is marked at its entry", (message, text) => {
  const state = EditorState.create({ doc: VIS, extensions: [json()] });
  const place = placeOfPath(state, message);
  expect(place && state.sliceDoc(place.from, place.to)).toBe(text);
});
