import { describe, expect, test } from "vitest";
import type { FieldPlace } from "../src/api";
import { bytesText, fieldName, messageLayout, pointerStep } from "../src/message/layout";

const place = (path: string, offset: number | null, length: number | null): FieldPlace => ({ path, type: "int32", offset, length });

test.each<[number | null, number | null, string | null]>([
  [12, 8, "12–19"],
  [12, 1, "12"],
  [12, 0, "none"],
  [12, null, "12–?"],
  [null, null, null],
])("a field at %s of %s bytes is at %s", (offset, length, text) => {
  expect(bytesText({ offset, length })).toBe(text);
});

describe("the parts of a message", () => {
  const fields = [place("header/correlation_id", 0, 4), place("header/client_id", 4, 7), place("/acks", 11, 2), place("/topics", 13, 20), place("/topics/0/name", 17, 6), place("/secret", null, null), place("/_tagged_fields", 33, 1)];
  test("are its header and its outermost fields, as far as their bytes are known", () => {
    expect(messageLayout(fields, 34).segments).toEqual([{ name: "header", offset: 0, length: 11 }, { name: "acks", offset: 11, length: 2 }, { name: "topics", offset: 13, length: 20 }, { name: "_tagged_fields", offset: 33, length: 1 }]);
  });
  test("reach as far as the size field says, or as the last field", () => {
    expect(messageLayout(fields, 500).size).toBe(500);
    expect(messageLayout(fields, null).size).toBe(34);
  });
  test("are found by their JSON pointer", () => {
    expect(messageLayout(fields, 34).byPath.get(`/topics/0/${pointerStep("name")}`)?.offset).toBe(17);
    expect(pointerStep("a/b~c")).toBe("a~1b~0c");
  });
});

test.each([["/topics/0/name", "name"], ["/topics/0", "topics 0"], ["/a~1b", "a/b"], ["header/client_id", "client_id"]])("%s is called %s", (path, name) => {
  expect(fieldName(path)).toBe(name);
});
