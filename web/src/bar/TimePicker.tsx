/** The time that is looked at: back from now, or from one moment to another; and the zone that times are shown in. */
import { useRef, useState } from "react";
import { duration } from "../model/format";
import { TIME_PRESETS, windowSeconds, windowText } from "../model/args";
import { usePage } from "../model/context";
import { livePlace, rangePlace } from "../model/location";
import { browserZone, clockTime, fieldTime, fromField, zones } from "../model/zone";
import { Icon } from "../page/Icon";
import { useDismiss } from "../page/useDismiss";

const OFFERED = new Set(["-1m", "-5m", "-15m", "-30m", "-1h", "-6h", "-24h"]);

export function TimePicker({ name, value, fallback }: { name: string; value: string; fallback: string }) {
  const { place, go } = usePage();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const { until } = place.view;
  const seconds = windowSeconds(value);
  const length = until !== undefined && seconds !== null ? seconds * 1000 : null;
  useDismiss(open, root, setOpen);
  const shown = until === undefined ? windowText(value) : length === null ? `${value} to ${clockTime(until)}` : `${clockTime(until - length)} to ${clockTime(until)}`;
  const shift = (share: number) => {
    if (seconds === null) return;
    const end = (until ?? Date.now()) + share * seconds * 1000;
    if (end >= Date.now()) go(livePlace(place, name, value));
    else go(rangePlace(place, name, end - seconds * 1000, end));
  };
  return (
    <div className="combo time-picker" ref={root}>
      {seconds !== null && <button type="button" className="icon-button" data-testid="time-back" title="earlier" aria-label="earlier" onClick={() => { shift(-1); }}><Icon name="back" /></button>}
      <button type="button" className={`chip${until === undefined ? "" : " fixed"}`} data-testid={`arg-${name}`} aria-haspopup="dialog" aria-expanded={open} title={`${name}: ${value}${place.view.tz === undefined ? "" : `, times in ${place.view.tz}`}`} onClick={() => { setOpen(!open); }}>
        <Icon name="clock" /><bdi className="chip-value">{shown}</bdi>{place.view.tz !== undefined && <span className="chip-label">{place.view.tz}</span>}<Icon name="down" />
      </button>
      {until !== undefined && seconds !== null && <button type="button" className="icon-button flipped" data-testid="time-later" title="later" aria-label="later" onClick={() => { shift(1); }}><Icon name="back" /></button>}
      {until !== undefined && <button type="button" className="link time-live" data-testid="time-live" title="up to now again" onClick={() => { go(livePlace(place, name, fallback)); }}>back to live</button>}
      {open && <Panel name={name} value={value} length={length} onDone={() => { setOpen(false); }} />}
    </div>
  );
}

function Panel({ name, value, length, onDone }: { name: string; value: string; length: number | null; onDone: () => void }) {
  const { place, go } = usePage();
  const now = Date.now();
  const end = place.view.until ?? now;
  const [from, setFrom] = useState(fieldTime(end - (length ?? (windowSeconds(value) ?? 300) * 1000)));
  const [to, setTo] = useState(fieldTime(end));
  const [own, setOwn] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const relative = (start: string) => {
    go(livePlace(place, name, start));
    onDone();
  };
  const absolute = () => {
    const [a, b] = [fromField(from), fromField(to)];
    if (a === null || b === null) setProblem("both ends need a date and a time");
    else if (a >= b) setProblem("the start is not before the end");
    else {
      go(rangePlace(place, name, a, b));
      onDone();
    }
  };
  const typed = () => {
    const text = own.trim();
    if (windowSeconds(text) === null && !/^\d{4}-\d\d-\d\d /.test(text)) setProblem("expected a time such as -90s, -2h or 2026-01-31 18:02:05.00 +0000");
    else relative(text);
  };
  const zone = place.view.tz ?? browserZone();
  const setZone = (chosen: string) => {
    const { tz: _, ...view } = place.view;
    go({ ...place, view: chosen === browserZone() ? view : { ...view, tz: chosen } }, true);
  };
  return (
    <div className="popover time-panel" role="dialog" aria-label="time" data-testid="time-panel">
      <div className="time-presets" role="group" aria-label="back from now">
        {TIME_PRESETS.filter((preset) => OFFERED.has(preset.value)).map((preset) => (
          <button key={preset.value} type="button" aria-pressed={place.view.until === undefined && preset.value === value} data-testid={`time-${preset.value}`} onClick={() => { relative(preset.value); }}>{preset.detail}</button>
        ))}
      </div>
      <div className="time-fields">
        <label>own window <input autoFocus data-testid={`arg-${name}-input`} value={own} placeholder="-90s, -2h, -3d" onChange={(event) => { setOwn(event.target.value); }} onKeyDown={(event) => { if (event.key === "Enter") typed(); }} /></label>
        <label>from <input type="datetime-local" step="1" data-testid="time-from" value={from} onChange={(event) => { setFrom(event.target.value); }} /></label>
        <label>to <input type="datetime-local" step="1" data-testid="time-to" value={to} onChange={(event) => { setTo(event.target.value); }} /></label>
        <p className="steps"><button type="button" className="primary" data-testid="time-apply" onClick={absolute}>look at this time</button>{length !== null && <span className="muted">{duration(length * 1e6)}</span>}</p>
        <label>times in <select data-testid="time-zone" value={zone} onChange={(event) => { setZone(event.target.value); }}>{[...new Set([zone, ...zones()])].map((each) => <option key={each}>{each}</option>)}</select></label>
        {problem !== null && <p className="state-bad" role="alert">{problem}</p>}
      </div>
    </div>
  );
}
