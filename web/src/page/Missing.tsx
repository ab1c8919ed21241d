/** What a script needs before it can run, with the values that are known. */
import { useEffect, useState } from "react";
import { api, type Variable } from "../api";
import { entityKind } from "../model/args";
import { usePage } from "../model/context";
import { middle, visible } from "../model/format";

const OFFERED = 12;

export function Missing({ variables }: { variables: readonly Variable[] }) {
  return (
    <div className="none" data-testid="missing-arguments">
      <p><strong>Choose {variables.map((variable) => variable.name).join(" and ")} first.</strong></p>
      {variables.map((variable) => <Choice key={variable.name} variable={variable} />)}
    </div>
  );
}

function Choice({ variable }: { variable: Variable }) {
  const { place, go } = usePage();
  const [names, setNames] = useState<string[]>(variable.validValues);
  const kind = entityKind(variable);
  useEffect(() => {
    if (kind === null) return;
    let gone = false;
    const ask = () => { api.entities(kind, "", OFFERED).then((found) => { if (!gone) setNames(found.map((entity) => entity.name)); }, () => { if (!gone) setNames([]); }); };
    ask();
    const timer = setInterval(ask, 5000);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [kind]);
  return (
    <>
      <p className="muted">{variable.name}: {variable.description}</p>
      <p className="steps">
        {names.slice(0, OFFERED).map((name) => <button key={name} type="button" data-testid={`choose-${variable.name}`} title={name} onClick={() => { go({ ...place, args: { ...place.args, [variable.name]: name } }); }}><bdi>{middle(visible(name), 48)}</bdi></button>)}
        {names.length === 0 && <span>None is known yet: type one into the chip above.</span>}
      </p>
    </>
  );
}
