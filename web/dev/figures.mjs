// Measures the page with 5,000 topics and groups, a table of 50,000 rows and a graph of 2,000 edges, and looks at every page with axe-core.
// npm run figures [-- axe|speed]. Times are of this machine while it does whatever else it does; only what axe finds makes it fail.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { setScenario } from "./data.mjs";
import { start } from "./server.mjs";

const ONLY = process.argv[2];
const ASSETS = fileURLToPath(new URL("../../python/kafkascope/server/static/assets/", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = {
  start: "/", hostile: "/?namespace=hostile", empty: "/?namespace=empty", scripts: "/scripts", overview: "/script/px/kafka_overview?namespace=px-kafka", topics: "/script/px/kafka_topics", groups: "/script/px/kafka_groups",
  messages: "/script/px/kafka_data", delays: "/script/px/kafka_producer_consumer_latency?namespace=px-kafka&topic=order", missing: "/script/px/kafka_producer_consumer_latency", rebalances: "/script/px/kafka_consumer_rebalancing",
  pod: "/script/px/pod?pod=px-kafka/order-7f9c5d6b8-x2k4p", error: "/script/px/kafka_overview?namespace=error", unknown: "/script/px/nothing", scratch: "/script/scratch",
};
const OPEN = {
  overview: ["d"], messages: ["j", "Enter"], topics: ["?"], start: ["/"],
};

const server = await start();
const base = `http://127.0.0.1:${server.port}`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
const say = (name, value) => { process.stdout.write(`${name}: ${value}\n`); };
let serious = 0;

async function look(page, name) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const violation of found.violations.filter((each) => ["serious", "critical"].includes(each.impact))) {
    serious += 1;
    say(`axe ${name}`, `${violation.impact} ${violation.id}: ${violation.help}; ${violation.nodes.length} of ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(" | ")}`);
  }
}

if (ONLY !== "speed") {
  for (const colorScheme of ["light", "dark"]) {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme })).newPage();
    for (const [name, path] of Object.entries(PAGES)) {
      setScenario(name === "hostile" ? "hostile" : "");
      await page.goto(base + path);
      await page.waitForSelector("[data-testid=main][aria-busy=false]");
      await page.waitForTimeout(400);
      await look(page, `${name} ${colorScheme}`);
      for (const key of OPEN[name] ?? []) {
        await page.keyboard.press(key);
        await page.waitForTimeout(300);
        await look(page, `${name} with ${key} ${colorScheme}`);
      }
    }
    await page.close();
  }
  say("serious findings of axe-core", serious);
}

if (ONLY !== "axe") {
  const sizes = readdirSync(ASSETS).map((name) => [name, gzipSync(readFileSync(ASSETS + name)).length]);
  const first = sizes.filter(([name]) => name.startsWith("index-"));
  say("page, compressed, before lazy parts", `${Math.round(first.reduce((sum, [, size]) => sum + size, 0) / 1024)} kB`);
  say("lazy parts, compressed", sizes.filter(([name]) => !name.startsWith("index-")).map(([name, size]) => `${name.split("-")[0]} ${Math.round(size / 1024)} kB`).join(", "));

  setScenario("huge");
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  await page.goto(`${base}/`); // warm the browser's caches as a second visit would
  // Seen from inside the page: what the driver's own round trips take is none of the page's.
  await page.addInitScript(() => {
    window.seen = {};
    window.longest = 0;
    const first = { frame: "[data-testid=rail]", groups: "[data-testid='widget-Consumer groups'] [data-testid=row]", topics: "[data-testid=widget-Topics] [data-testid=row]" };
    new window.MutationObserver(() => { for (const [name, selector] of Object.entries(first)) if (!(name in window.seen) && document.querySelector(selector)) window.seen[name] = performance.now(); }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${base}/?namespace=huge`);
  await page.waitForSelector("[data-testid=widget-Topics] [data-testid=row]");
  const seen = await page.evaluate(() => window.seen);
  say("start page with 5,000 topics and groups", Object.entries(seen).map(([name, at]) => `${name} ${Math.round(at)} ms`).join(", "));
  say("first contentful paint", `${Math.round(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN))} ms`);

  const timed = async (name, act) => {
    await page.waitForTimeout(500);
    await page.evaluate(() => { window.longest = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration); }).observe({ type: "event", durationThreshold: 16 }); });
    await act();
    await page.waitForTimeout(400);
    say(`  ${name}`, `${Math.round(await page.evaluate(() => window.longest)) || "under 16"} ms from key or click to paint`);
  };
  await page.evaluate(() => { new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration); }).observe({ type: "longtask" }); });
  await page.waitForTimeout(11_000);
  say("longest task of two refreshes of it", `${Math.round(await page.evaluate(() => window.longest)) || "under 50"} ms`);
  await timed("sort 5,000 groups", () => page.locator("[data-testid='table-Consumer groups'] [data-testid=sort-lag]").click());
  await timed("filter 5,000 groups", () => page.locator("[data-testid='filter-Consumer groups']").pressSequentially("pay", { delay: 60 }));
  await timed("open the script picker", () => page.keyboard.press("Escape").then(() => page.locator("[data-testid=script-picker]").click()));

  await page.goto(`${base}/script/px/kafka_data?max_num_records=50000#refresh=off`);
  await page.waitForSelector("[data-testid=row]");
  await timed("open a row among 50,000", () => page.locator("[data-testid=row]").nth(3).click());
  await page.keyboard.press("Escape");
  const frames = await page.evaluate(() => new Promise((resolve) => {
    const table = document.querySelector("[role=grid]");
    const times = [];
    let last = performance.now();
    const step = () => {
      const now = performance.now();
      times.push(now - last);
      last = now;
      table.scrollTop += 180;
      if (times.length < 180) requestAnimationFrame(step);
      else resolve(times.slice(5).sort((a, b) => a - b));
    };
    requestAnimationFrame(step);
  }));
  say("scrolling 50,000 rows", `median ${frames[frames.length >> 1].toFixed(1)} ms a frame, 95 % within ${frames[Math.floor(frames.length * 0.95)].toFixed(1)} ms`);

  const graph = performance.now();
  await page.goto(`${base}/script/px/kafka_overview?namespace=huge#widget=Kafka+Flow+Graph&refresh=off`);
  await page.waitForSelector("[data-testid=graph-node]");
  say("graph of 2,000 edges", `${Math.round(performance.now() - graph)} ms with the page's load, ${await page.locator("[data-testid=graph-edge]").count()} edges drawn`);

  await page.goto(`${base}/script/px/kafka_topics`);
  await page.waitForSelector("[data-testid=row]");
  const change = performance.now();
  await page.evaluate(() => { document.querySelector("[data-testid=rail-groups]").click(); });
  await page.waitForSelector("[data-testid='table-Groups'] [data-testid=row]");
  say("from script to script", `${Math.round(performance.now() - change)} ms with the query`);
}
await browser.close();
server.close();
process.exitCode = serious > 0 ? 1 : 0;
