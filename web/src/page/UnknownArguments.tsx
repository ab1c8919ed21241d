/** Arguments of the address that the script does not take: they must not look as if they held. */
import type { Variable } from "../api";
import { visible } from "../model/format";
import type { Place } from "../model/location";

/** What links bring along wherever they lead. */
const CARRIED = new Set(["start_time", "namespace"]);

export function UnknownArguments({ place, variables }: { place: Place; variables: readonly Variable[] }) {
  const unknown = Object.keys(place.args).filter((name) => !CARRIED.has(name) && !variables.some((variable) => variable.name === name));
  if (unknown.length === 0) return null;
  const taken = variables.map((variable) => variable.name).join(", ");
  return <p className="note level-warning" role="status" data-testid="unknown-arguments">{unknown.slice(0, 5).map(visible).join(", ")}: not an argument of this script, left out. {taken === "" ? "It takes none." : `It takes ${taken}.`}</p>;
}
