// Pictures of every page in both themes and three widths, to look at: npm run look -- OUTDIR [name…]
// BASE=http://127.0.0.1:PORT takes a real server's answers instead of made-up ones; WIDTHS and THEMES choose among pictures.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { start } from "./server.mjs";

const [out = "/tmp/kafkascope-look", ...only] = process.argv.slice(2);
const PAGES = {
  home: ["/"],
  homehostile: ["/?namespace=hostile"],
  homehuge: ["/?namespace=huge"],
  homeempty: ["/?namespace=empty"],
  topics: ["/script/px/kafka_topics"],
  groups: ["/script/px/kafka_groups?namespace=huge"],
  scripts: ["/scripts"],
  time: ["/script/px/kafka_topics", async (page) => { await page.locator("[data-testid=arg-start_time]").click(); }],
  past: ["/script/px/kafka_topics?start_time=-300s#until=1764088121000&tz=UTC"],
  move: ["/script/px/kafka_overview", async (page) => { await page.keyboard.press("w"); }],
  overview: ["/script/px/kafka_overview?namespace=px-kafka"],
  big: ["/script/px/kafka_overview?namespace=big"],
  hostile: ["/script/px/kafka_overview?namespace=hostile"],
  empty: ["/script/px/kafka_overview?namespace=empty"],
  error: ["/script/px/kafka_overview?namespace=error"],
  data: ["/script/px/kafka_data?max_num_records=10000", async (page) => { await page.locator('[data-testid=row]').nth(2).click(); }],
  latency: ["/script/px/kafka_producer_consumer_latency?namespace=px-kafka&topic=order", async (page) => { const box = await page.locator(".u-over").first().boundingBox(); await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5); }],
  missing: ["/script/px/kafka_producer_consumer_latency"],
  flow: ["/script/px/kafka_overview"],
  schemas: ["/script/px/schemas"],
  rebalancing: ["/script/px/kafka_consumer_rebalancing"],
  pod: ["/script/px/pod?pod=px-kafka/order-7f9c5d6b8-x2k4p"],
  unknown: ["/script/px/nothing"],
  picker: ["/", async (page) => { await page.keyboard.press("/"); await page.keyboard.type("kafka"); }],
  hover: ["/script/px/kafka_overview?namespace=px-kafka", async (page) => { await page.locator("[data-testid=graph-edge]").first().focus(); }],
  editor: ["/script/px/kafka_data", async (page) => { await page.keyboard.press("e"); await page.locator(".cm-content").click(); await page.keyboard.press("Control+End"); await page.keyboard.type("\nnonsense"); await page.keyboard.press("Control+Enter"); }],
  drawer: ["/script/px/kafka_overview", async (page) => { await page.keyboard.press("d"); }],
  coverage: ["/", async (page) => { await page.locator("[data-testid=coverage-chip]").click(); }],
  help: ["/", async (page) => { await page.keyboard.press("?"); }],
};

mkdirSync(out, { recursive: true });
const server = process.env.BASE ? null : await start();
const base = process.env.BASE ?? `http://127.0.0.1:${server.port}`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
const widths = (process.env.WIDTHS ?? "1280,1920,390").split(",").map(Number);
let problems = 0;
for (const width of widths)
  for (const theme of (process.env.THEMES ?? "dark,light").split(",")) {
    const context = await browser.newContext({ viewport: { width, height: width === 390 ? 844 : width === 1280 ? 800 : 1080 }, colorScheme: theme, hasTouch: width === 390 });
    for (const [name, [path, act]] of Object.entries(PAGES)) {
      if (only.length > 0 && !only.includes(name)) continue;
      const page = await context.newPage();
      const complain = (text) => { problems += 1; process.stdout.write(`${name} ${width} ${theme}: ${text}\n`); };
      page.on("pageerror", (error) => { complain(error.message); });
      page.on("console", (message) => { if (message.type() === "error" && !/status of (400|404|408)/.test(message.text())) complain(message.text()); });
      await page.goto(base + path);
      await page.waitForSelector("[data-testid=main][aria-busy=false]");
      await page.waitForTimeout(300);
      if (act) await act(page).catch((error) => { complain(error.message.split("\n")[0]); });
      await page.waitForTimeout(400);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) complain(`the page is ${overflow} px wider than the window`);
      await page.screenshot({ path: `${out}/${name}-${width}-${theme}.png` });
      await page.close();
    }
    await context.close();
  }
await browser.close();
server?.close();
process.stdout.write(`${problems} problems, pictures in ${out}\n`);
process.exitCode = problems > 0 ? 1 : 0;
