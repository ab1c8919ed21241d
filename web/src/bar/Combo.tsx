/** A chip that opens a list to choose from or to type into. */
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Icon } from "../page/Icon";

export interface Option {
  value: string;
  detail?: string;
  /** What is shown instead of the value. */
  label?: string;
}

interface Props {
  label: string;
  value: string;
  shown: string;
  testId: string;
  title?: string;
  /** Options for what was typed; may be asked for at every key. */
  options: (query: string) => Option[];
  onQuery?: (query: string) => void;
  onChoose: (value: string) => void;
  /** Whether text that is no option may be chosen; `first` prefers it to the best option. */
  free?: "no" | "yes" | "first";
  required?: boolean;
  missing?: boolean;
  placeholder?: string;
  footer?: ReactNode;
  wide?: boolean;
  shortcut?: string;
}

export function Combo(props: Props) {
  const [open, setOpen] = useState(false);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(-1);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [shift, setShift] = useState(0);
  const found = open ? props.options(query) : [];
  const typed = query.trim();
  const free = props.free ?? "no";
  const own: Option[] = free !== "no" && typed !== "" && !found.some((option) => option.value === typed) ? [{ value: typed, label: `use “${typed}”` }] : [];
  const exact = found.findIndex((option) => option.value === typed);
  const options = free === "first" ? [...own, ...found] : [...found, ...own];
  const highlighted = active >= 0 ? Math.min(active, options.length - 1) : typed === "" ? -1 : Math.max(exact, 0);

  const close = (refocus = true) => {
    setOpen(false);
    setQuery("");
    setActive(-1);
    if (refocus) button.current?.focus();
  };
  const show = () => {
    setOpen(true);
    props.onQuery?.("");
    const box = root.current?.getBoundingClientRect();
    const width = props.wide ? 520 : 300;
    setShift(box ? Math.min(0, document.documentElement.clientWidth - 8 - box.left - Math.min(width, document.documentElement.clientWidth - 16)) : 0);
  };
  const choose = (value: string) => {
    close();
    props.onChoose(value);
  };

  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) {
        setOpen(false);
        setQuery("");
        setActive(-1);
      }
    };
    document.addEventListener("pointerdown", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
    };
  }, [open]);

  useEffect(() => {
    if (open) list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [open, highlighted]);

  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive(options.length === 0 ? -1 : (Math.max(highlighted, step > 0 ? -1 : 0) + step + options.length) % options.length);
    } else if (event.key === "Enter") {
      const option = options[highlighted];
      if (option) choose(option.value);
      else if (typed === "" && free !== "no") choose("");
      else if (free !== "no") choose(typed);
    } else if (event.key === "Tab") {
      close(false);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="combo" ref={root}>
      <button
        ref={button} type="button" className={`chip${props.missing ? " missing" : ""}`} data-testid={props.testId} title={props.title}
        aria-haspopup="listbox" aria-expanded={open} data-shortcut={props.shortcut}
        onClick={() => { if (open) close(); else show(); }}
        onKeyDown={(event) => {
          if (!open && (event.key === "ArrowDown")) { event.preventDefault(); show(); }
        }}
      >
        <span className="chip-label">{props.label}{props.required ? "*" : ""}</span>
        <bdi className={`chip-value${props.value === "" ? " empty" : ""}`}>{props.shown}</bdi>
        <Icon name="down" />
      </button>
      {open && (
        <div className={`popover${props.wide ? " wide" : ""}`} style={{ left: shift }}>
          <input
            autoFocus className="combo-input" data-testid={`${props.testId}-input`} role="combobox" aria-expanded="true" aria-controls={id} aria-label={props.label}
            aria-activedescendant={highlighted >= 0 ? `${id}-${highlighted}` : undefined} autoComplete="off" spellCheck={false}
            placeholder={props.placeholder ?? (props.value !== "" ? props.shown : "type to search")} value={query}
            onChange={(event) => { setQuery(event.target.value); setActive(-1); props.onQuery?.(event.target.value.trim()); }}
            onKeyDown={onKey}
          />
          <div className="options" role="listbox" id={id} ref={list} aria-label={props.label}>
            {options.map((option, index) => (
              <div
                key={`${option.value}-${index}`} id={`${id}-${index}`} role="option" aria-selected={index === highlighted} data-testid="option" data-value={option.value}
                className={`option${index === highlighted ? " active" : ""}${option.value === props.value ? " current" : ""}`}
                onPointerMove={() => { setActive(index); }} onClick={() => { choose(option.value); }}
              >
                <bdi className="option-name">{option.label ?? option.value}</bdi>
                {option.detail !== undefined && option.detail !== "" && <span className="option-detail">{option.detail}</span>}
              </div>
            ))}
            {options.length === 0 && <div className="option none">{free === "no" ? "nothing fits" : "nothing known yet; type a value and press Enter"}</div>}
          </div>
          {props.footer}
        </div>
      )}
    </div>
  );
}
