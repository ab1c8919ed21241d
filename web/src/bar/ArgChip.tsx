/** One argument of the script as a chip: values to choose from, or free text. */
import { useCallback, useEffect, useRef, useState } from "react";
import { api, type Entity, type Variable } from "../api";
import { effective, entityKind, isTime, prompt, TIME_PRESETS, windowText } from "../model/args";
import { usePage } from "../model/context";
import { middle, visible } from "../model/format";
import { Combo, type Option } from "./Combo";

export function ArgChip({ variable, highlight }: { variable: Variable; highlight: boolean }) {
  const { place, go } = usePage();
  const kind = entityKind(variable);
  const [entities, setEntities] = useState<Entity[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const asked = useRef("");
  useEffect(() => () => { clearTimeout(timer.current); }, []);

  const ask = useCallback((query: string) => {
    if (kind === null) return;
    clearTimeout(timer.current);
    asked.current = query;
    // An answer that was overtaken by the next key tells nothing.
    const take = (found: Entity[]) => { if (asked.current === query) setEntities(found); };
    timer.current = setTimeout(() => {
      api.entities(kind, query).then(take, () => { take([]); });
    }, query === "" ? 0 : 120);
  }, [kind]);

  const value = effective(variable, place.args);
  const options = (query: string): Option[] => {
    const needle = query.trim().toLowerCase();
    const all: Option[] = isTime(variable)
      ? TIME_PRESETS
      : variable.validValues.length > 0
        ? variable.validValues.map((name) => ({ value: name }))
        : entities.map((entity) => ({ value: entity.name, label: visible(entity.name), detail: entity.detail }));
    const fitting = all.filter((option) => `${option.value} ${option.detail ?? ""}`.toLowerCase().includes(needle));
    const none: Option[] = !variable.required && needle === "" && value !== (variable.defaultValue ?? "") ? [{ value: "", label: variable.defaultValue && !/ /.test(variable.defaultValue) ? `default: ${variable.defaultValue}` : "any" }] : [];
    return [...none, ...fitting];
  };
  const asks = prompt(variable, place.args) !== null;
  const unset = value === "" || asks;
  return (
    <Combo
      label={variable.name} value={unset ? "" : value} shown={isTime(variable) ? windowText(value) : unset ? (variable.required || asks ? "choose" : "any") : middle(visible(value), 40)}
      testId={`arg-${variable.name}`} title={`${variable.name}: ${variable.description}${value === "" ? "" : `\n${visible(value)}`}`}
      required={variable.required} missing={highlight && unset && variable.required} free={kind === null && variable.validValues.length === 0 ? "first" : /filter/.test(variable.name) ? "first" : "yes"}
      options={options} onQuery={ask}
      placeholder={isTime(variable) ? "-5m, -2h, or 2026-01-31 18:02:05.00 +0000" : `${variable.name}…`}
      onChoose={(chosen) => { go({ ...place, args: { ...place.args, [variable.name]: chosen } }); }}
      footer={<p className="popover-note">{variable.description}{variable.description === "" ? "" : " "}Enter runs.</p>}
    />
  );
}
