/** The editor's colours, from the page's. */
import { highlighting } from "./highlight";
import { EditorView } from "codemirror";
import type { Theme } from "../model/theme";

export function editorTheme(theme: Theme) {
  return [
    EditorView.theme(
      {
        "&": { height: "100%", backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "13px" },
        ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
        ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
        ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
        "&.cm-focused": { outline: "none" },
        ".cm-cursor": { borderLeftColor: "var(--text)" },
        "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selected)" },
        ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line-strong)", color: "var(--text)" },
        ".cm-diagnostic": { whiteSpace: "pre-wrap" },
        ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)" },
      },
      { dark: theme === "dark" },
    ),
    highlighting(theme),
  ];
}
