import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { COMPONENT_COLUMNS, PROCESS_FIELDS } from "../src/columns";
import { EventParser } from "../src/events";
import { linkState } from "../src/live";
import { PARTS, parts } from "../src/memory";
import { minutesOf, PERIODS, periodOf } from "../src/period";
import { drawings } from "../src/process-charts";
import { ahead, column, floors, sum } from "../src/series";
import type { Finding, HistoryAnswer, HostSnapshot } from "../src/types";
import { merged, sentence, side, worse } from "../src/words";

const MIB = 1024 * 1024;
const finding = (more: Partial<Finding> = {}): Finding => ({
  ts: "2026-01-17T10:00:00Z", id: "aa", rule: "heap_growth", state: "open", severity: "high", verdict: "leak", pid: 7,
  start_time: null, comm: "api", component: null, resource: "heap", rate_per_min: 5 * MIB, rate_unit: "bytes",
  rate_interval: [4 * MIB, 6 * MIB], confidence: 0.97, e_value_log10: 9, since: "2026-01-17T09:00:00Z",
  rival: { hypothesis: "fill", probability: 0.02, decided_by: "time" },
  forecast: { limit: "memory of the host", limit_value: 700 * MIB, at: "2026-01-17T12:00:00Z", interval: ["2026-01-17T11:40:00Z", null] },
  evidence: [], explanations: [], limits: [], runs: null, recommendation: "", ...more,
});

test("a finding says what the command line says", () => {
  assert.equal(
    sentence(finding()),
    "heap grows by 5.0 MiB/min (95 %: 4.0 MiB to 6.0 MiB); a leak at 97 %, else a fill to its bound (2 %); memory of the host is reached in 2 h (100 min or later)",
  );
  assert.equal(sentence(finding({ state: "resolved", verdict: "stopped" })), "heap: growth stopped");
  const said = { name: "load", value: 1, says: "threshold", text: "81 %" };
  assert.equal(sentence(finding({ rate_per_min: null, confidence: null, forecast: null, evidence: [said] })), "heap: 81 %");
});

test("how a finding went on that its agent left open is not known", () => {
  const left = { name: "unwatched", value: 1, says: "process", text: "its agent was killed" };
  const said = sentence(finding({ state: "resolved", evidence: [left] }));
  assert.equal(said, "heap: its agent ended, how it went on is not known");
});

test("a period in an address is one that can be chosen", () => {
  for (const period of Object.keys(PERIODS)) {
    assert.equal(periodOf(new URLSearchParams({ minutes: String(minutesOf(period)) })), period);
  }
  assert.ok(minutesOf("all") > 30 * 1440, "more than is kept");
  for (const query of ["", "minutes=7", "minutes=x"]) assert.equal(periodOf(new URLSearchParams(query)), "1 h");
});

test("evidence is for, against, or about", () => {
  const of = (says: string) => side({ name: "x", value: 0, says, text: "" });
  assert.deepEqual(["leak", "growth", "threshold", "use", "settling", "process"].map(of), ["for", "for", "for", "against", "against", "about"]);
});

test("the worst finding is first, and news take the place of what they follow", () => {
  const mild = finding({ id: "mild", severity: "low" });
  const sure = finding({ id: "sure", confidence: 0.99 });
  assert.deepEqual([mild, finding(), sure].sort(worse).map((it) => it.id), ["sure", "aa", "mild"]);
  const now = merged([finding(), mild], finding({ id: "mild", severity: "critical" }));
  assert.deepEqual(now.map((it) => [it.id, it.severity]), [["mild", "critical"], ["aa", "high"]]);
});

test("events come in pieces of any size", () => {
  const stream = ": hello\r\n\r\nid: 7\nevent: finding\ndata: {\"a\":\ndata: 1}\n\ndata: x\n\nid: 8\n\n";
  for (const size of [1, 3, stream.length]) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)));
    assert.deepEqual(events, [
      { event: "finding", data: "{\"a\":\n1}", id: "7" },
      { event: "message", data: "x", id: "7" },
    ]);
  }
});

test("what is old is said to be", () => {
  const link = (...of: Parameters<typeof linkState>) => linkState(...of).link;
  assert.equal(link(null, false, false, 0), "connecting");
  assert.equal(link(null, true, false, 0), "disconnected");
  assert.equal(link(1000, false, true, 2000), "live");
  assert.equal(link(1000, false, false, 2000), "polling");
  assert.equal(link(1000, false, true, 32_000), "stale");
  assert.equal(link(1000, true, true, 2000), "disconnected");
});

test("floors are the lowest of each group", () => {
  assert.deepEqual(floors([3, 1, null, 5, 4, 9], 3), [1, 1, 1, 4, 4, 4]);
  assert.deepEqual(floors([null, null], 2), [null, null]);
  assert.deepEqual(sum([1, 2, null], [10, null, 1]), [11, null, null]);
});

test("the way ahead ends at the limit, or when as much was seen", () => {
  const far = ahead(finding(), Date.parse("2026-01-17T10:00:00Z") / 1000, 100 * MIB, 600);
  assert.ok(far && !far.reachesLimit);
  assert.equal(Math.round(far.middle.at(-1)! / MIB), 150);
  assert.equal(Math.round(far.low.at(-1)! / MIB), 140);
  assert.equal(Math.round(far.high.at(-1)! / MIB), 160);
  const near = ahead(finding(), Date.parse("2026-01-17T11:58:00Z") / 1000, 100 * MIB, 3600);
  assert.ok(near?.reachesLimit);
  assert.equal(near.times.at(-1), Date.parse("2026-01-17T12:00:00Z") / 1000);
  assert.equal(ahead(finding({ rate_per_min: null }), 0, 0, 60), null);
});

test("a chart of what grows has floors and the way ahead, of equal length", () => {
  const from = Date.parse("2026-01-17T09:50:00Z");
  const rows = Array.from({ length: 20 }, (_, at) => [from + at * 30_000, (50 + at * 2.5) * MIB, 9]);
  rows[19]![1] = null as unknown as number;
  const history: HistoryAnswer = { timestamp: "", stepSeconds: 30, columns: ["ts", "heap_bytes", "threads"], rows };
  assert.deepEqual(column(history, "nothing").slice(0, 2), [null, null]);
  const [memory, , , threads] = drawings(history, [finding()]);
  const labels = memory!.lines.map((it) => it.label);
  assert.ok(labels.includes("Floor") && labels.includes("Forecast"), labels.join());
  for (const line of memory!.lines) assert.equal(line.values.length, memory!.times.length, line.label);
  const way = memory!.lines.find((it) => it.label === "Forecast")!.values;
  assert.equal(way[17], null);
  assert.equal(way[18], (50 + 18 * 2.5) * MIB, "it begins at the last sample that is known");
  assert.match(memory!.says, /Heap from 50\.0 MiB to 95\.0 MiB/);
  assert.deepEqual(threads!.lines.map((it) => it.label), ["Threads"]);
});

test("parts of the memory add up", () => {
  const memory = Object.fromEntries(PARTS.map(([field], at) => [field, at]));
  const host = { mem_total_bytes: 78, memory } as unknown as HostSnapshot;
  const total = parts(host).reduce((all, it) => all + it.share, 0);
  assert.ok(Math.abs(total - 1) < 1e-9);
});

test("what the page reads is in the agent's schema", () => {
  const { $defs } = JSON.parse(readFileSync("../src/output/schema.json", "utf8"));
  const has = (type: string, fields: readonly string[]) => fields.filter((it) => !($defs[type].properties && it in $defs[type].properties));
  assert.deepEqual(has("Snapshot", PROCESS_FIELDS), []);
  const own = ["memory_limit", "memory_share"];
  assert.deepEqual(has("ComponentSnapshot", COMPONENT_COLUMNS.map((it) => it.field).filter((it) => !own.includes(it))), []);
  assert.deepEqual(has("MemoryParts", PARTS.map(([field]) => field)), []);
  assert.deepEqual(Object.keys($defs.MemoryParts.properties).sort(), PARTS.map(([field]) => field).sort());
  assert.deepEqual(has("Finding", Object.keys(finding())), []);
});
