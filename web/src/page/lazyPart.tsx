/** Parts that are loaded when they are wanted; a part that cannot be had says so. */
import { type ComponentType, lazy, type LazyExoticComponent } from "react";

/** After the server was updated, a page that was open asks for parts that are no longer there. */
function NotLoaded() {
  return <p className="none" role="alert">This part of the page could not be loaded: the server is away, or has a newer page by now. <button type="button" className="link" onClick={() => { location.reload(); }}>reload</button></p>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any component, as lazy itself takes
export function lazyPart<T extends ComponentType<any>>(load: () => Promise<{ default: T }>): LazyExoticComponent<T> {
  return lazy(() => load().catch(() => ({ default: NotLoaded as unknown as T })));
}
