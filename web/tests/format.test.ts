import { describe, expect, test } from "vitest";
import type { Cell, Column } from "../src/api";
import { ago, dayTime, duration, formatCell, middle, significant, timeMs, visible } from "../src/model/format";

const column = (type: Column["type"], semanticType = "NONE", name = "c"): Column => ({ name, type, semanticType });

describe("a cell as text", () => {
  const cases: [Column, Cell, string][] = [
    [column("INT64", "BYTES"), 0, "0 B"],
    [column("INT64", "BYTES"), 1023, "1,023 B"],
    [column("INT64", "BYTES"), 1024, "1 KB"],
    [column("INT64", "BYTES"), 1048575, "1 MB"],
    [column("INT64", "BYTES"), 135233, "132 KB"],
    [column("FLOAT64", "THROUGHPUT_BYTES_PER_NS"), 450e-9, "450 B/s"],
    [column("FLOAT64", "THROUGHPUT_BYTES_PER_NS"), 2.5 * 1024 * 1e-9, "2.5 KB/s"],
    [column("FLOAT64", "THROUGHPUT_PER_NS"), 14e-9, "14/s"],
    [column("FLOAT64", "THROUGHPUT_PER_NS"), 1500e-9, "1.5 K/s"],
    [column("INT64", "DURATION_NS"), 999, "999 ns"],
    [column("INT64", "DURATION_NS"), 2_100_000, "2.1 ms"],
    [column("INT64", "DURATION_NS"), 48e9, "48 s"],
    [column("INT64", "DURATION_NS"), -5e6, "−5 ms"],
    [column("FLOAT64", "PERCENT"), 0.0312, "3.12 %"],
    [column("FLOAT64", "PERCENT"), 1, "100 %"],
    [column("FLOAT64", "PERCENT"), 0.99998, "99.9 %"],
    [column("INT64"), 1234567, "1,234,567"],
    [column("INT64"), "9007199254740993", "9,007,199,254,740,993"],
    [column("INT64", "PORT"), 9092, "9092"],
    [column("FLOAT64"), "NaN", "NaN"],
    [column("FLOAT64"), "Infinity", "∞"],
    [column("FLOAT64", "DURATION_NS"), "-Infinity", "−∞"],
    [column("FLOAT64", "BYTES"), "NaN", "NaN"],
    [column("BOOLEAN"), true, "true"],
    [column("STRING"), "", ""],
    [column("INT64"), null, "–"],
    [column("TIME64NS"), null, "–"],
    [column("UINT128", "UPID"), "1:4711:99", "1:4711:99"],
  ];
  test.each(cases)("%o of %s is %s", (of, value, text) => {
    expect(formatCell(value, of)).toBe(text);
  });
});

test.each([
  [59.94e9, "59.9 s"],
  [59.96e9, "1 min"],
  [125e9, "2 min 5 s"],
  [3600e9, "1 h"],
  [3660e9, "1 h 1 min"],
  [90_000e9, "1 d 1 h"],
  [999_600, "1 ms"],
])("%d ns is %s", (ns, text) => {
  expect(duration(ns)).toBe(text);
});

test("three significant digits, never an exponent for everyday sizes", () => {
  expect([0, 0.0123456, 1.005, 99.95, 999.4, 12345.6].map((value) => significant(value))).toEqual(["0", "0.0123", "1", "100", "999", "12,346"]);
});

test("a time in nanoseconds keeps its millisecond: doubles would lose it", () => {
  expect(timeMs("1764088121250000000")).toBe(1764088121250);
  expect(timeMs("1764088121250999999")).toBe(1764088121250);
  expect(timeMs("")).toBeNull();
});

test("ages", () => {
  expect(ago(1000, 13_000)).toBe("12 s ago");
  expect(ago(1000, 1200)).toBe("now");
  expect(ago(61_000, 1000)).toBe("in 1 min");
});

describe("names from the wire", () => {
  test("are shortened in the middle, by whole characters", () => {
    expect(middle("abcdefghij", 5)).toBe("ab…ij");
    expect(middle("abc", 5)).toBe("abc");
    expect(middle("🦄".repeat(10), 5)).toBe("🦄🦄…🦄🦄");
    expect(Array.from(middle("x".repeat(249), 34))).toHaveLength(34);
  });
  test("cannot turn the text around them", () => {
    expect(visible("\u202Eredro\u202C")).toBe("\\u202eredro\\u202c");
    expect(visible("a\nb")).toBe("a\\u000ab");
    expect(visible("طلبات 注文 🧾 <b>")).toBe("طلبات 注文 🧾 <b>");
  });
});

test("a time of today is its time of day, of another day it has the date", () => {
  const now = Date.UTC(2026, 0, 31, 18, 0, 0);
  expect(dayTime(String(BigInt(now - 60_000) * 1_000_000n), now)).toMatch(/^\d\d:59:00\.000$/);
  expect(dayTime(String(BigInt(now - 86_400_000) * 1_000_000n), now)).toMatch(/^2026-01-30 /);
  expect(dayTime(null, now)).toBe("–");
});
