// The bundled scripts, read from the repository: the page is developed against the real vis specs.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../python/kafkascope/scripts/px/", import.meta.url));

const field = (manifest, name) => {
  const found = new RegExp(`^${name}:\\s*(?:>\\s*\\n((?:[ ]+.*\\n?)+)|(.*))`, "m").exec(manifest);
  return (found?.[1] ?? found?.[2] ?? "").replace(/\s+/g, " ").trim();
};

export function scripts() {
  return readdirSync(root).filter((name) => existsSync(join(root, name, "manifest.yaml"))).map((name) => {
    const folder = join(root, name);
    const manifest = readFileSync(join(folder, "manifest.yaml"), "utf8");
    const visFile = join(folder, "vis.json");
    const vis = existsSync(visFile) ? JSON.parse(readFileSync(visFile, "utf8")) : null;
    const pxl = readFileSync(join(folder, readdirSync(folder).find((file) => file.endsWith(".pxl"))), "utf8");
    const variables = (vis?.variables ?? []).map((variable) => ({ description: "", validValues: [], ...variable, required: !("defaultValue" in variable) }));
    return { name: `px/${name}`, short: field(manifest, "short"), long: field(manifest, "long"), hidden: false, variables, pxl, vis };
  });
}

export function widgets(vis, tables) {
  if (!vis?.widgets?.length) return tables.map((table, row) => ({ name: table.name, table: table.name, position: { x: 0, y: 3 * row, w: 12, h: 3 }, displaySpec: { "@type": "types.px.dev/px.vispb.Table" } }));
  return vis.widgets.map((widget, index) => ({
    name: widget.name, table: widget.globalFuncOutputName ?? widget.name ?? `widget_${index}`,
    position: widget.position ?? { x: 6 * (index % 2), y: 3 * Math.floor(index / 2), w: 6, h: 3 }, displaySpec: widget.displaySpec,
  }));
}
