/** Where one is, the way back, and what the script answers. */
import { usePage } from "../model/context";
import { middle, visible } from "../model/format";
import { trail } from "../overview/sections";
import { PlaceLink } from "../table/CellView";

export function PageHead({ short, children }: { short: string; children?: React.ReactNode }) {
  const page = usePage();
  const crumbs = trail(page.place, (script) => page.scripts.some((each) => each.name === script));
  return (
    <div className="page-head">
      <nav className="trail" aria-label="where you are" data-testid="trail">
        {crumbs.map((crumb, index) => (
          <span key={index}>
            {crumb.place ? <PlaceLink place={crumb.place} text={crumb.title} /> : <h1 title={visible(crumb.title)}><bdi>{middle(visible(crumb.title), 60)}</bdi></h1>}
            {index < crumbs.length - 1 && <span className="muted" aria-hidden="true"> › </span>}
          </span>
        ))}
      </nav>
      {short !== "" && <p className="page-short muted">{short}</p>}
      <span className="spacer" />
      {children}
    </div>
  );
}
