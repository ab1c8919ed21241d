/** The editor of a script and its vis spec: Python's highlighting, completion from the server's tables, errors at their place. */
import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { json, jsonLanguage, jsonParseLinter } from "@codemirror/lang-json";
import { python, pythonLanguage } from "@codemirror/lang-python";
import { type Diagnostic, linter, setDiagnostics } from "@codemirror/lint";
import { Compartment, Prec } from "@codemirror/state";
import { keymap } from "@codemirror/view";
import { basicSetup, EditorView } from "codemirror";
import { useEffect, useRef } from "react";
import { api, type ErrorBody, type Schema } from "../api";
import { useTheme } from "../model/theme";
import { editorTheme } from "./theme";
import { visCompletion } from "./visComplete";
import { placeOfPath } from "./visPlace";

let schema: Promise<Schema | null> | null = null;

async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w.]+/);
  if (!word && !context.explicit) return null;
  // One that did not come is asked for at the next word.
  schema ??= api.schema().catch(() => (schema = null));
  const known = await schema;
  if (!known) return null;
  const functions = known.functions.map((name) => ({ label: name.startsWith("px.") ? name : `px.${name}`, type: "function" }));
  const tables = known.tables.map((table) => ({ label: table.name, type: "class", info: table.description }));
  const columns = known.tables.flatMap((table) => table.columns.map((column) => ({ label: column.name, type: "property", detail: `${table.name}: ${column.type}`, info: column.description })));
  const dot = word?.text.lastIndexOf(".") ?? -1;
  if (word && dot >= 0 && !word.text.startsWith("px.")) return { from: word.from + dot + 1, options: columns };
  return { from: word?.from ?? context.pos, options: [...functions, ...tables] };
}

interface Props {
  language: "pxl" | "vis";
  text: string;
  /** The script beside the vis spec, for the names of its functions. */
  pxl?: string;
  error: ErrorBody | null;
  onChange: (text: string) => void;
  onRun: () => void;
}

export function Editor({ language, text, pxl = "", error, onChange, onRun }: Props) {
  const theme = useTheme();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const colors = useRef(new Compartment());
  const latest = useRef({ onChange, onRun, text, pxl, theme });
  useEffect(() => { latest.current = { onChange, onRun, text, pxl, theme }; });

  useEffect(() => {
    if (!host.current) return;
    const made = new EditorView({
      doc: latest.current.text,
      parent: host.current,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => { latest.current.onRun(); return true; } }])),
        basicSetup,
        language === "pxl" ? [python(), pythonLanguage.data.of({ autocomplete: complete }), autocompletion()]
          : [json(), linter(jsonParseLinter()), jsonLanguage.data.of({ autocomplete: visCompletion(() => ({ vis: latest.current.text, pxl: latest.current.pxl })) }), autocompletion()],
        colors.current.of(editorTheme(latest.current.theme)),
        EditorView.contentAttributes.of({ "aria-label": language === "pxl" ? "PxL script" : "vis spec" }),
        EditorView.updateListener.of((update) => { if (update.docChanged) latest.current.onChange(update.state.doc.toString()); }),
      ],
    });
    // What scrolls can be scrolled with keys.
    made.scrollDOM.tabIndex = 0;
    view.current = made;
    return () => { made.destroy(); };
  }, [language]);

  useEffect(() => {
    view.current?.dispatch({ effects: colors.current.reconfigure(editorTheme(theme)) });
  }, [theme]);

  // Text from outside: another script, or back to the library's.
  useEffect(() => {
    const made = view.current;
    if (made && made.state.doc.toString() !== text) made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: text } });
  }, [text]);

  useEffect(() => {
    const made = view.current;
    if (!made) return;
    const found = error === null ? null : language === "vis" ? visDiagnostic(made, error) : error.line !== undefined ? diagnostic(made, error) : null;
    made.dispatch(setDiagnostics(made.state, found ? [found] : []));
    if (found) made.dispatch({ effects: EditorView.scrollIntoView(found.from, { y: "center" }) });
  }, [error, language]);

  return <div className="editor-host" ref={host} data-testid={`editor-${language}`} />;
}

function diagnostic(view: EditorView, error: ErrorBody): Diagnostic {
  const line = view.state.doc.line(Math.min(Math.max(error.line ?? 1, 1), view.state.doc.lines));
  const from = Math.min(line.from + Math.max((error.column ?? 1) - 1, 0), line.to);
  const word = /^[\w.]+/.exec(view.state.doc.sliceString(from, line.to))?.[0].length ?? 1;
  return { from, to: Math.min(from + Math.max(word, 1), line.to), severity: "error", message: error.hint === "" ? error.message : `${error.message}\n${error.hint}` };
}

function visDiagnostic(view: EditorView, error: ErrorBody): Diagnostic | null {
  const place = placeOfPath(view.state, error.message);
  return place && { ...place, severity: "error", message: error.hint === "" ? error.message : `${error.message}\n${error.hint}` };
}
