/** Syntax colours with enough contrast on both themes. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";
import type { Theme } from "../model/theme";

export function highlighting(theme: Theme) {
  const [keyword, string, number, name, comment] = theme === "dark" ? ["#c4a5f5", "#8fd3a0", "#f0b072", "#7cc4f2", "#8a94a3"] : ["#6b2fb3", "#1c6e3a", "#9a4a00", "#0b5da8", "#66707d"];
  return syntaxHighlighting(
    HighlightStyle.define([
      { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.bool, tags.null], color: keyword },
      { tag: [tags.string, tags.special(tags.string)], color: string },
      { tag: tags.number, color: number },
      { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.propertyName], color: name },
      { tag: [tags.comment, tags.docString], color: comment, fontStyle: "italic" },
    ]),
  );
}
