/** What a chart draws beside the samples: floors, and where growth leads. Pure. */

import { isNumber, moment } from "./format";
import type { Finding, HistoryAnswer } from "./types";

export type Values = (number | null)[];

/** The column of that name, by time; all unknown where there is none. */
export function column(history: HistoryAnswer, name: string): Values {
  const at = history.columns.indexOf(name);
  return history.rows.map((row) => (at < 0 ? null : (row[at] ?? null)));
}

/** The sum of columns; unknown where one is. */
export function sum(...columns: Values[]): Values {
  const first = columns[0] ?? [];
  return first.map((_, index) => {
    let total = 0;
    for (const values of columns) {
      const value = values[index];
      if (!isNumber(value)) return null;
      total += value;
    }
    return total;
  });
}

/** The lowest of each `group` samples, held over them: what bursts leave behind. */
export function floors(values: Values, group: number): Values {
  const result: Values = [];
  for (let start = 0; start < values.length; start += group) {
    const piece = values.slice(start, start + group);
    const numbers = piece.filter(isNumber);
    const floor = numbers.length > 0 ? Math.min(...numbers) : null;
    for (let index = 0; index < piece.length; index += 1) result.push(floor);
  }
  return result;
}

export interface Ahead {
  /** Seconds since 1970. */
  times: number[];
  /** The likely way, and its slow and fast bounds. */
  middle: number[];
  low: number[];
  high: number[];
  /** Whether the last time is the one at which the limit is reached. */
  reachesLimit: boolean;
}

/**
 * Where growth leads: straight on from the last sample, until the limit is reached or for as long as was
 * watched, whichever is sooner, since more would press what was seen into a corner.
 */
export function ahead(finding: Finding, lastSeconds: number, lastValue: number, seenSeconds: number): Ahead | null {
  const perMinute = finding.rate_per_min;
  if (!isNumber(perMinute)) return null;
  const [low, high] = finding.rate_interval ?? [perMinute, perMinute];
  const at = moment(finding.forecast?.at);
  const untilLimit = at === null ? Infinity : Math.max(0, at / 1000 - lastSeconds);
  const length = Math.min(untilLimit, Math.max(seenSeconds, 60));
  const steps = 12;
  const times = Array.from({ length: steps + 1 }, (_, step) => lastSeconds + (length * step) / steps);
  const along = (rate: number) => times.map((time) => lastValue + (rate * (time - lastSeconds)) / 60);
  return {
    times,
    middle: along(perMinute),
    low: along(low),
    high: along(high),
    reachesLimit: untilLimit <= length,
  };
}

/** Which of a process's charted measures a finding is about. */
export function charted(finding: Finding): string | null {
  const rule = finding.rule;
  if (rule === "heap_growth") return "heap_bytes";
  if (rule === "anon_mapping_growth") return "anon_mapped_bytes";
  if (rule === "rss_growth" || rule === "swap_growth") return "touched";
  if (rule === "fd_growth") return "descriptors";
  if (rule === "socket_growth" || rule === "close_wait" || rule === "idle_connections") return "sockets";
  if (rule === "timer_growth") return "timers";
  return rule === "thread_growth" ? "threads" : null;
}

export interface Extremes {
  first: number;
  last: number;
  least: number;
  most: number;
}

/** What a chart shows, in four figures; `null` where nothing is known. */
export function extremes(values: Values): Extremes | null {
  const numbers = values.filter(isNumber);
  const [first] = numbers;
  const last = numbers.at(-1);
  if (first === undefined || last === undefined) return null;
  return {
    first,
    last,
    least: numbers.reduce((a, b) => Math.min(a, b)),
    most: numbers.reduce((a, b) => Math.max(a, b)),
  };
}
