/** The address bar as React state: back and forward work, and so does a copied link. */
import { useCallback, useSyncExternalStore } from "react";
import { formatPlace, parsePlace, type Place } from "./location";

const EVENT = "kafkascope:place";
let cachedHref = "";
let cachedPlace: Place = { script: null, args: {}, view: {} };

function current(): Place {
  if (location.href !== cachedHref) {
    cachedHref = location.href;
    cachedPlace = parsePlace(location.pathname, location.search, location.hash);
  }
  return cachedPlace;
}

function subscribe(changed: () => void): () => void {
  for (const name of ["popstate", "hashchange", EVENT]) addEventListener(name, changed);
  return () => {
    for (const name of ["popstate", "hashchange", EVENT]) removeEventListener(name, changed);
  };
}

/** Goes to a place; `replace` leaves no entry in the history. */
export function go(place: Place, replace = false): void {
  const address = formatPlace(place);
  if (address === location.pathname + location.search + location.hash) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  dispatchEvent(new Event(EVENT));
}

export function usePlace(): [Place, (place: Place, replace?: boolean) => void] {
  const place = useSyncExternalStore(subscribe, current);
  return [place, useCallback(go, [])];
}
