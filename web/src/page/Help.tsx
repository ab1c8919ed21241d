/** The sheet of keys. */
import { useEffect, useRef } from "react";
import { SECTIONS } from "../overview/sections";

const KEYS: [string, string][] = [
  ["g then letter", SECTIONS.map((section) => `${section.key} ${section.title.toLowerCase()}`).join(", ")],
  ["/", "choose a script"],
  ["r", "run now"],
  ["p", "pause or resume"],
  ["e", "editor"],
  ["d", "data drawer"],
  ["w", "move and size widgets"],
  ["backspace", "back to where you were"],
  ["f", "filter the first table"],
  ["t", "relative or absolute times"],
  ["j k", "next and previous row"],
  ["enter", "open the row"],
  ["esc", "close what is open"],
  ["ctrl enter", "run what is in the editor"],
  ["?", "this sheet"],
];

export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    // Else the first link has the focus.
    dialog.current?.querySelector("button")?.focus();
  }, []);
  return (
    <dialog ref={dialog} className="help" data-testid="help" aria-label="keys" onClose={onClose} onClick={(event) => { if (event.target === dialog.current) dialog.current.close(); }}>
      <h2>Keys</h2>
      <dl>{KEYS.map(([key, what]) => <div key={key}><dt>{key.split(" ").map((part) => (part === "then" || part === "letter" ? <span key={part} className="muted">{part}</span> : <kbd key={part}>{part}</kbd>))}</dt><dd>{what}</dd></div>)}</dl>
      <p className="muted">In a graph: click a node to open it, drag to move it, click into the graph and use the wheel to zoom. In a chart: drag to zoom, double-click to go back. The address bar holds script, arguments and view: copy it to share what you see. The API is at <a href="/api/docs">/api/docs</a>.</p>
      <form method="dialog"><button type="submit">close</button></form>
    </dialog>
  );
}
