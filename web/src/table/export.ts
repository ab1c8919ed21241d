/** A table as CSV or JSON, for the clipboard and for files. */
import type { Cell, Column } from "../api";
import { nestedJson, plainText } from "../model/values";

function csvField(text: string): string {
  // A leading = + - @ would run as a formula in a spreadsheet; plain numbers stay as they are.
  const safe = /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function toCsv(columns: readonly Column[], rows: readonly Cell[][]): string {
  const lines = [columns.map((column) => csvField(column.name)).join(",")];
  for (const row of rows) lines.push(columns.map((column, index) => csvField(plainText(row[index] ?? null, column))).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

export function toJson(columns: readonly Column[], rows: readonly Cell[][]): string {
  return JSON.stringify(rows.map((row) => rowObject(columns, row)), null, 2);
}

/** A row as an object; JSON inside its strings becomes structure. */
export function rowObject(columns: readonly Column[], row: readonly Cell[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column, index) => [column.name, nestedJson(row[index] ?? null) ?? row[index] ?? null]));
}

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 1000);
}

/** Copies text; also on pages without a secure context, where the clipboard API is missing. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
