/** The address bar is the page's state: script and arguments in path and query, how it is looked at in the fragment. */
export type Args = Record<string, string>;

export interface Place {
  /** The script's name; `null` on the start page. */
  script: string | null;
  args: Args;
  view: View;
}

export interface View {
  /** Milliseconds between runs; 0 is paused. `undefined` is the default. */
  refresh?: number;
  /** The end of the time looked at, in milliseconds since the epoch; `undefined` is now. */
  until?: number;
  /** The time zone of the times shown; `undefined` is the browser's. */
  tz?: string;
  /** The widget shown alone. */
  widget?: string;
  /** The text that runs instead of the library's. */
  pxl?: string;
  vis?: string;
}

/** The page of all scripts stands where a script's name does. */
export const CATALOGUE = "scripts";
export const DEFAULT_REFRESH_MS = 5000;

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Reads `/script/px/name?arg=value#refresh=10s`; also links of the form `?script=px/name&arg=value`. */
export function parsePlace(pathname: string, search: string, hash: string): Place {
  const query = new URLSearchParams(search);
  const args: Args = Object.fromEntries([...query.entries()].filter(([name]) => name !== "script"));
  if (/^\/scripts\/?$/.test(pathname)) return { script: CATALOGUE, args, view: parseView(hash) };
  const path = /^\/script\/(.+?)\/?$/.exec(pathname)?.[1];
  const script = path !== undefined ? path.split("/").map(decode).join("/") : query.get("script");
  return { script: script === "" ? null : script, args, view: parseView(hash) };
}

function parseView(hash: string): View {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const view: View = {};
  const refresh = fields.get("refresh");
  if (refresh === "off") view.refresh = 0;
  else if (refresh !== null && /^\d+s$/.test(refresh)) view.refresh = Number(refresh.slice(0, -1)) * 1000;
  const until = Number(fields.get("until") ?? NaN);
  if (Number.isSafeInteger(until) && until > 0 && until < 2 ** 43) view.until = until;
  for (const name of ["tz", "widget", "pxl", "vis"] as const) {
    const value = fields.get(name);
    if (value !== null) view[name] = value;
  }
  return view;
}

/** The address of a place; parsing it gives the place back. */
export function formatPlace(place: Place): string {
  const path = place.script === null ? "/" : place.script === CATALOGUE ? "/scripts" : `/script/${place.script.split("/").map(encodeURIComponent).join("/")}`;
  const query = new URLSearchParams(Object.entries(place.args).filter(([, value]) => value !== "")).toString().replaceAll("%2F", "/");
  const fields = new URLSearchParams();
  const { refresh, until, tz, widget, pxl, vis } = place.view;
  if (refresh !== undefined && refresh !== DEFAULT_REFRESH_MS) fields.set("refresh", refresh === 0 ? "off" : `${Math.round(refresh / 1000)}s`);
  if (until !== undefined) fields.set("until", String(until));
  if (tz !== undefined) fields.set("tz", tz);
  if (widget !== undefined) fields.set("widget", widget);
  if (pxl !== undefined) fields.set("pxl", pxl);
  if (vis !== undefined) fields.set("vis", vis);
  const hash = fields.toString();
  return `${path}${query === "" ? "" : `?${query}`}${hash === "" ? "" : `#${hash}`}`;
}

/** What stays when the page goes elsewhere: how often it runs, and the time that is looked at. */
export function keptView({ refresh, until, tz }: View): View {
  return { ...(refresh === undefined ? {} : { refresh }), ...(until === undefined ? {} : { until }), ...(tz === undefined ? {} : { tz }) };
}

/** A link keeps the time window unless it names its own. */
export function linkPlace(from: Place, script: string | null, args: Args = {}): Place {
  const start = from.args.start_time;
  const kept: Args = start !== undefined ? { start_time: start } : {};
  return { script, args: { ...kept, ...args }, view: keptView(from.view) };
}

/** The time from `from` to `to`, in milliseconds since the epoch, as the argument `name` and the end. */
export function rangePlace(place: Place, name: string, from: number, to: number): Place {
  const length = Math.max(to - from, 1);
  return { ...place, args: { ...place.args, [name]: length < 10_000 ? `-${Math.ceil(length)}ms` : `-${Math.ceil(length / 1000)}s` }, view: { ...place.view, until: Math.round(to) } };
}

/** The time back from now again. */
export function livePlace(place: Place, name: string, start: string): Place {
  const { until: _, ...view } = place.view;
  return { ...place, args: { ...place.args, [name]: start }, view };
}
