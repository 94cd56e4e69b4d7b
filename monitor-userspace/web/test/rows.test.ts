import assert from "node:assert/strict";
import { test } from "node:test";

import { PROCESS_FIELDS, SEARCHED, withLimit } from "../src/columns";
import { matching, sorted, visible } from "../src/order";
import { parsed, to } from "../src/route";

const ROWS = [
  { pid: 3, comm: "beta", rss: 5 },
  { pid: 1, comm: "Alpha", rss: null },
  { pid: 2, comm: "gamma", rss: 9 },
  { pid: 4, comm: "", rss: 5 },
];
const pids = (rows: { pid: number }[]) => rows.map((it) => it.pid);

test("figures are sorted by size, and what is unknown comes last either way", () => {
  assert.deepEqual(pids(sorted(ROWS, { field: "rss", descending: true }, "pid")), [2, 3, 4, 1]);
  assert.deepEqual(pids(sorted(ROWS, { field: "rss", descending: false }, "pid")), [3, 4, 2, 1]);
});

test("words are sorted by the alphabet", () => {
  assert.deepEqual(pids(sorted(ROWS, { field: "comm", descending: false }, "pid")), [1, 3, 2, 4]);
  assert.deepEqual(pids(ROWS), [3, 1, 2, 4], "the rows themselves stay");
});

test("every word of a search is found somewhere", () => {
  assert.deepEqual(pids(matching(ROWS, "ALPHA", ["comm"])), [1]);
  assert.deepEqual(pids(matching(ROWS, "a 2", ["comm", "pid"])), [2]);
  assert.deepEqual(pids(matching(ROWS, "  ", ["comm"])), [3, 1, 2, 4]);
  assert.deepEqual(matching(ROWS, ".*", ["comm"]), [], "a search is no pattern");
});

test("of very many rows only those in sight are made", () => {
  assert.deepEqual(visible(0, 640, 32, 5000), [0, 28]);
  assert.deepEqual(visible(32 * 2500, 640, 32, 5000), [2492, 2528]);
  assert.deepEqual(visible(32 * 4990, 640, 32, 5000), [4982, 5000]);
  assert.deepEqual(visible(32 * 4990, 640, 32, 3), [3, 3], "rows that went leave nothing");
});

test("a view has an address that leads back to it", () => {
  const query = { q: "a b&c=<x>" };
  const route = parsed(to("processes", "7/8 ?", query));
  assert.deepEqual([route.view, route.item, route.query.get("q")], ["processes", "7/8 ?", "a b&c=<x>"]);
  assert.equal(parsed("").view, "overview");
  assert.equal(parsed("#/findings/%E0%A4%A").item, "%E0%A4%A", "an address that is broken breaks nothing");
  assert.equal(to("overview"), "#/");
});

test("a component without a limit has no share of it", () => {
  assert.deepEqual(withLimit({ memory_max: null }), { memory_max: null, memory_limit: null, memory_share: null });
  const limit = { limit_bytes: 200, working_set_bytes: 50 };
  assert.equal(withLimit({ memory_max: limit })["memory_share"], 25);
});

test("what is searched is asked for", () => {
  const wanted = SEARCHED.filter((it) => it !== "cgroup");
  assert.deepEqual(wanted.filter((it) => !PROCESS_FIELDS.includes(it)), []);
});
