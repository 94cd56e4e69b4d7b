/** Which rows of a table are shown, and in which order. Pure. */

import type { Row } from "./types";

export interface Order {
  field: string;
  descending: boolean;
}

/** Sorts a copy: figures by size, words by the alphabet, what is unknown last either way. */
export function sorted<T extends Row>(rows: readonly T[], order: Order, tie: string): T[] {
  const sign = order.descending ? -1 : 1;
  const copy = [...rows];
  copy.sort((one, other) => {
    const by = compare(one[order.field], other[order.field], sign);
    return by !== 0 ? by : compare(one[tie], other[tie], 1);
  });
  return copy;
}

function compare(one: unknown, other: unknown, sign: number): number {
  const [a, b] = [known(one), known(other)];
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  const [x, y] = [String(a).toLowerCase(), String(b).toLowerCase()];
  return x < y ? -sign : x > y ? sign : 0;
}

function known(value: unknown): string | number | null {
  if (typeof value === "number") return Number.isNaN(value) ? null : value;
  return typeof value === "string" && value !== "" ? value : null;
}

/** Those in which every word of the search is found, in one of these fields each. */
export function matching<T extends Row>(rows: readonly T[], search: string, fields: readonly string[]): T[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...rows];
  return rows.filter((row) => {
    const texts = fields.map((field) => row[field]).filter((it) => it !== null && it !== undefined);
    const text = texts.map(String).join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Which rows a window shows, with a margin: from the first to before the last. */
export function visible(top: number, height: number, rowHeight: number, rows: number): [number, number] {
  const margin = 8;
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - margin, rows));
  const last = Math.ceil((top + height) / rowHeight) + margin;
  return [first, Math.max(first, Math.min(last, rows))];
}
