import { afterEach, expect, test } from "vitest";
import { absoluteTime } from "../src/model/format";
import { livePlace, rangePlace } from "../src/model/location";
import { fieldTime, fromField, setZone } from "../src/model/zone";

afterEach(() => { setZone(undefined); });

test.each([
  ["UTC", "2025-11-25 16:28:41.250"],
  ["Asia/Kolkata", "2025-11-25 21:58:41.250"],
  ["America/New_York", "2025-11-25 11:28:41.250"],
])("times are shown in %s", (zone, text) => {
  setZone(zone);
  expect(absoluteTime("1764088121250000000")).toBe(text);
});

test("a zone that nobody knows is the browser's own", () => {
  const own = absoluteTime("1764088121250000000");
  setZone("Mars/Olympus");
  expect(absoluteTime("1764088121250000000")).toBe(own);
});

// Europe/Berlin puts its clocks back on 2025-10-26 at 03:00.
test.each([["UTC", "2025-10-26T01:30:00"], ["Europe/Berlin", "2025-10-26T04:30:00"], ["Europe/Berlin", "2025-07-01T12:00:00"], ["Asia/Kathmandu", "2025-01-01T00:00:05"]])("in %s a field's %s is found again", (zone, text) => {
  setZone(zone);
  const ms = fromField(text);
  expect(ms).not.toBeNull();
  expect(fieldTime(ms ?? 0)).toBe(text);
});

test("a range is a start before an end, and live again without it", () => {
  const place = { script: "px/x", args: { topic: "a" }, view: {} };
  const range = rangePlace(place, "start_time", 1_000_000, 1_090_500);
  expect(range).toEqual({ script: "px/x", args: { topic: "a", start_time: "-91s" }, view: { until: 1_090_500 } });
  expect(rangePlace(place, "start_time", 0, 250).args.start_time).toBe("-250ms");
  expect(livePlace(range, "start_time", "-5m")).toEqual({ script: "px/x", args: { topic: "a", start_time: "-5m" }, view: {} });
});
