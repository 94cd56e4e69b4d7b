/** What the charts of a process draw: measures, floors, and the way ahead of what grows. Pure. */

import type { Drawing, Line } from "./chart";
import { amount, isNumber, rate } from "./format";
import { ahead, charted, column, extremes, floors, sum, type Values } from "./series";
import type { Finding, HistoryAnswer } from "./types";

interface Measure {
  field: string;
  label: string;
  colour: string;
}

interface Graph {
  title: string;
  unit: "bytes" | "items";
  measures: readonly Measure[];
}

export const GRAPHS: readonly Graph[] = [
  {
    title: "Memory",
    unit: "bytes",
    measures: [
      { field: "touched", label: "Anonymous + swap", colour: "--series-1" },
      { field: "heap_bytes", label: "Heap", colour: "--series-2" },
      { field: "anon_mapped_bytes", label: "Mappings", colour: "--series-3" },
    ],
  },
  {
    title: "Descriptors and sockets",
    unit: "items",
    measures: [
      { field: "descriptors", label: "Descriptors", colour: "--series-1" },
      { field: "sockets", label: "Sockets", colour: "--series-2" },
    ],
  },
  { title: "Timers", unit: "items", measures: [{ field: "timers", label: "Timers", colour: "--series-1" }] },
  { title: "Threads", unit: "items", measures: [{ field: "threads", label: "Threads", colour: "--series-1" }] },
];

/** Samples under one floor: enough that a burst ends among them. */
const FLOOR_SAMPLES = 5;

export function drawings(history: HistoryAnswer, findings: readonly Finding[]): Drawing[] {
  return GRAPHS.map((graph) => drawing(graph, history, findings));
}

function drawing(graph: Graph, history: HistoryAnswer, findings: readonly Finding[]): Drawing {
  const times = history.rows.map((row) => (row[0] ?? 0) / 1000);
  const measured = graph.measures.map((it) => ({ ...it, values: valuesOf(history, it.field) }));
  const lines: Line[] = measured.map((it) => ({ label: it.label, values: it.values, colour: it.colour }));
  const growing = grownMost(measured, findings);
  const says = measured.map((it) => said(it.label, it.values, graph.unit));
  if (!growing) return { unit: graph.unit, times, lines, says: says.join("; ") };
  const { finding, measure } = growing;
  lines.push({ label: "Floor", values: floors(measure.values, FLOOR_SAMPLES), colour: "--muted", dash: [2, 3], width: 1.5, isStep: true });
  says.push(`${measure.label} is forecast to grow by ${rate(finding.rate_per_min, finding.rate_unit)}`);
  return { unit: graph.unit, ...extended(times, lines, measure.values, finding), says: says.join("; ") };
}

function valuesOf(history: HistoryAnswer, field: string): Values {
  if (field !== "touched") return column(history, field);
  const swap = column(history, "swap_bytes").map((it) => it ?? 0);
  return sum(column(history, "rss_anon_bytes"), swap);
}

type Measured = Measure & { values: Values };

/** The worst open finding about a measure of this chart. */
function grownMost(measured: readonly Measured[], findings: readonly Finding[]): { finding: Finding; measure: Measured } | null {
  for (const finding of findings) {
    const measure = measured.find((it) => it.field === charted(finding));
    if (measure && finding.state !== "resolved" && isNumber(finding.rate_per_min)) return { finding, measure };
  }
  return null;
}

function said(label: string, values: Values, unit: string): string {
  const known = extremes(values);
  if (!known) return `${label} is unknown`;
  return `${label} from ${amount(known.first, unit)} to ${amount(known.last, unit)}`;
}

/** The lines with the way ahead behind them, and the limit where it is reached. */
function extended(times: number[], lines: Line[], values: Values, finding: Finding): { times: number[]; lines: Line[] } {
  const lastAt = values.findLastIndex(isNumber);
  const [lastTime, lastValue] = [times[lastAt], values[lastAt]];
  const seen = (lastTime ?? 0) - (times[0] ?? 0);
  const way = isNumber(lastTime) && isNumber(lastValue) ? ahead(finding, lastTime, lastValue, seen / 2) : null;
  if (!way) return { times, lines };
  const later = way.times.slice(1);
  const unknown = (length: number): Values => Array<null>(length).fill(null);
  const padded = lines.map((line) => ({ ...line, values: [...line.values, ...unknown(later.length)] }));
  const before = (from: number[]): Values => {
    const result: Values = [...unknown(times.length), ...from.slice(1)];
    result[lastAt] = from[0] ?? null;
    return joined(result, lastAt, times.length);
  };
  const aid = { colour: "--forecast", dash: [4, 4], width: 1, isAid: true };
  padded.push(
    { label: "Forecast", values: before(way.middle), colour: "--forecast", dash: [8, 5] },
    { ...aid, label: "Forecast, slow", values: before(way.low), hasBand: true },
    { ...aid, label: "Forecast, fast", values: before(way.high) },
  );
  if (way.reachesLimit && finding.forecast) {
    const level = finding.forecast.limit_value;
    const whole = [...times, ...later].map((): number | null => level);
    padded.push({ label: "Limit", values: whole, colour: "--limit", dash: [10, 4], width: 1.5 });
  }
  return { times: [...times, ...later], lines: padded };
}

/** Samples after the last known one would tear the line: it goes on from there level. */
function joined(values: Values, from: number, to: number): Values {
  for (let at = from + 1; at < to; at += 1) values[at] = values[from] ?? null;
  return values;
}
