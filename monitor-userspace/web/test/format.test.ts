import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, ahead, amount, bytes, clock, count, group, moment, percent, plain, rate, share, span, UNKNOWN } from "../src/format";

test("bytes have the unit that leaves a digit before the point", () => {
  assert.deepEqual([0, 1023, 1536, 62_390_272, 2 ** 30, 5 * 2 ** 40].map(bytes), ["0 B", "1023 B", "1.5 KiB", "59.5 MiB", "1.0 GiB", "5.0 TiB"]);
  assert.equal(bytes(-2048), "-2.0 KiB");
});

test("what is unknown is no zero", () => {
  for (const unknown of [null, undefined, Number.NaN]) {
    assert.deepEqual([bytes(unknown), count(unknown), percent(unknown), share(unknown), span(unknown), rate(unknown, "bytes")], Array(6).fill(UNKNOWN));
  }
});

test("counts are grouped and rates have their unit", () => {
  assert.deepEqual([812, 5000, 1_234_567, 2.5, 1234.5].map(count), ["812", "5,000", "1,234,567", "2.5", "1,234.5"]);
  assert.equal(rate(62_390_272, "bytes"), "59.5 MiB/min");
  assert.equal(rate(14.2, "items"), "14.2/min");
  assert.equal(amount(3.14, "percent"), "3.1 %");
});

test("a probability never claims to be none or all", () => {
  assert.deepEqual([0, 0.001, 0.953, 0.999, 1].map(share), ["0 %", "< 1 %", "95 %", "> 99 %", "100 %"]);
});

test("spans are those of the command line", () => {
  assert.deepEqual([0.4, 150, 400, 7300, 200_000, 9e7, -5].map(span), ["0 s", "150 s", "7 min", "2 h", "2 d", "3 years", "0 s"]);
});

test("times of nine digits are read, and nonsense is none", () => {
  assert.equal(moment("2026-01-17T10:30:00.123456789Z"), Date.parse("2026-01-17T10:30:00.123Z"));
  assert.equal(moment("soon"), null);
  assert.equal(moment(null), null);
  const now = Date.parse("2026-01-17T10:30:00Z");
  assert.equal(ago("2026-01-17T10:28:00Z", now), "120 s ago");
  assert.equal(ahead("2026-01-17T16:30:00Z", now), "in 6 h");
  assert.equal(ahead("2026-01-17T09:00:00Z", now), "now");
  assert.match(clock("2026-01-15T10:30:00Z", now), /^2026-01-1\d \d\d:\d\d:\d\d$/);
});

test("marks that mislead are seen", () => {
  assert.equal(plain("evil\u202egnp.exe"), "evil\\u{202e}gnp.exe");
  assert.equal(plain("two\nlines\t\u001b[31m"), "two\\nlines\\t\\u{1b}[31m");
  assert.equal(plain("<b>&amp;"), "<b>&amp;");
  assert.equal(plain(7), "");
  assert.equal(group("0a".repeat(32)), "0a0a0a0a0a0a");
  assert.equal(group("api.service"), "api.service");
});
