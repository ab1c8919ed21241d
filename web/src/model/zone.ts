/** The time zone that times are shown in: the browser's, until the address says otherwise. */

let chosen: string | undefined;
const formats = new Map<string, Intl.DateTimeFormat>();

export interface Parts {
  year: string;
  month: string;
  day: string;
  hour: string;
  minute: string;
  second: string;
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Takes a name such as `Europe/Berlin`; one that the browser does not know is its own zone. */
export function setZone(zone: string | undefined): void {
  chosen = zone !== undefined && knows(zone) ? zone : undefined;
}

export const zone = (): string | undefined => chosen;

export function knows(name: string): boolean {
  try {
    Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export function zones(): string[] {
  const listed = (Intl as { supportedValuesOf?: (key: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];
  return [...new Set(["UTC", browserZone(), ...listed])];
}

function format(name: string | undefined): Intl.DateTimeFormat {
  const key = name ?? "";
  const found = formats.get(key);
  if (found) return found;
  const made = new Intl.DateTimeFormat("en-GB", { ...(name === undefined ? {} : { timeZone: name }), year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  formats.set(key, made);
  return made;
}

/** A moment's date and time of day in the chosen zone, two digits each. */
export function parts(ms: number, name = chosen): Parts {
  const found: Partial<Parts> = {};
  for (const part of format(name).formatToParts(ms)) found[part.type as keyof Parts] = part.value;
  return { year: "", month: "", day: "", hour: "", minute: "", second: "", ...found };
}

/** "19:02:41", with the date in front when the moment is not on the same day as `now`. */
export function clockTime(ms: number, now = Date.now()): string {
  const [a, b] = [parts(ms), parts(now)];
  const time = `${a.hour}:${a.minute}:${a.second}`;
  return a.day === b.day && Math.abs(now - ms) < 86_400_000 ? time : `${a.year}-${a.month}-${a.day} ${time}`;
}

/** `2026-01-31T18:02:05`, as a date and time field holds it, in the chosen zone. */
export function fieldTime(ms: number): string {
  const { year, month, day, hour, minute, second } = parts(ms);
  return `${year}-${month}-${day}T${hour}:${minute}:${second}`;
}

/** The moment that a date and time field means in the chosen zone; `null` for text that is none. */
export function fromField(text: string): number | null {
  const wanted = Date.parse(text.length === 16 ? `${text}:00Z` : `${text}Z`);
  if (Number.isNaN(wanted)) return null;
  // The zone's offset at that moment is found by asking what the zone shows there; twice, for a change of the clocks in between.
  let guess = wanted;
  for (let round = 0; round < 2; round += 1) guess += wanted - Date.parse(`${fieldTime(guess)}Z`);
  return guess;
}
