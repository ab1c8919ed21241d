/** Where in a vis spec an error is, by the path that the error names: `widgets[2]`, `variables[0]`, `globalFuncs[1]`. */
import { ensureSyntaxTree, syntaxTree } from "@codemirror/language";
import type { EditorState } from "@codemirror/state";

/** A vis spec is small; on a busy machine its first tree may still be a part. */
const PARSE_MS = 500;

type SyntaxNode = ReturnType<typeof syntaxTree>["topNode"];

export interface Extent {
  from: number;
  to: number;
}

function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) found.push(child);
  return found;
}

const isValue = (node: SyntaxNode): boolean => ["Object", "Array", "String", "Number", "True", "False", "Null"].includes(node.name);

/** The extent of the first path in `message`, as far as the text has it. */
export function placeOfPath(state: EditorState, message: string): Extent | null {
  const path = /\b(variables|globalFuncs|widgets)\[(\d+)\]/.exec(message);
  if (!path) return null;
  const [, list = "", number = "0"] = path;
  const root = (ensureSyntaxTree(state, state.doc.length, PARSE_MS) ?? syntaxTree(state)).topNode.getChild("Object");
  for (const property of root?.getChildren("Property") ?? []) {
    const name = property.getChild("PropertyName");
    if (!name || state.sliceDoc(name.from, name.to) !== `"${list}"`) continue;
    const array = property.getChild("Array");
    const item = array ? children(array).filter(isValue)[Number(number)] : undefined;
    // The head of the entry, not all of its lines.
    return item ? { from: item.from, to: Math.min(item.to, state.doc.lineAt(item.from).to) } : { from: name.from, to: name.to };
  }
  return null;
}
