/** A finding as it is shown: a line in lists, and whole. */

import { facts, h, table, type Child } from "./dom";
import { ago, amount, clock, group, isNumber, moment, plain, rate, share, span } from "./format";
import { to } from "./route";
import type { Finding, Severity } from "./types";
import { ended, forecast, hypothesis, side, sureness, verdict, whatHappens, whose } from "./words";

/** Shapes, so that colour alone never tells. */
const SHAPES: Record<Severity, string> = { critical: "◆", high: "▲", medium: "■", low: "●" };

export function badge(severity: Severity): HTMLElement {
  const known = severity in SHAPES ? severity : "low";
  return h(
    "span",
    { class: `badge ${known}` },
    h("span", { "aria-hidden": "true" }, SHAPES[known]),
    ` ${plain(severity)}`,
  );
}

/** To the process, or to what else it is about. */
export function subjectLink(finding: Finding): Child {
  if (isNumber(finding.pid)) {
    return h("a", { href: to("processes", finding.pid), key: `of ${finding.id}` }, whose(finding));
  }
  if (!finding.component) return h("a", { href: to("overview"), key: `of ${finding.id}` }, "this host");
  return h("a", { href: to("components", null, { q: finding.component }), key: `of ${finding.id}` }, group(finding.component));
}

/** A finding in a list. */
export function findingLine(finding: Finding, nowMs: number, hasAdvice: boolean): HTMLElement {
  const resolved = finding.state === "resolved";
  const perMinute = isNumber(finding.rate_per_min) ? rate(finding.rate_per_min, finding.rate_unit) : null;
  const late = resolved ? null : forecast(finding);
  return h(
    "li",
    { class: `finding ${resolved ? "resolved" : finding.severity}`, "data-finding": finding.id, "data-pid": finding.pid },
    h(
      "div",
      { class: "finding-head" },
      resolved ? h("span", { class: "badge" }, "✓ resolved") : badge(finding.severity),
      h("span", { class: "subject" }, subjectLink(finding)),
      h("a", { class: "rule", href: to("findings", finding.id), key: `finding ${finding.id}` }, plain(finding.rule).replaceAll("_", " ")),
      h("span", { class: "muted grow" }, `since ${ago(finding.since, nowMs).replace(" ago", "")}`),
      perMinute && h("span", { class: "rate", "data-rate": finding.rate_per_min }, perMinute),
    ),
    h("p", { class: "sentence" }, resolved ? ended(finding) : [whatHappens(finding), sureness(finding)].filter(Boolean).join("; ")),
    late && h("p", { class: "late" }, late),
    hasAdvice && !resolved && finding.recommendation ? h("p", { class: "advice" }, plain(finding.recommendation)) : null,
  );
}

export function findingList(findings: readonly Finding[], nowMs: number, none: string, hasAdvice = true): Child {
  if (findings.length === 0) return h("p", { class: "calm" }, none);
  return h("ul", { class: "findings" }, ...findings.map((it) => findingLine(it, nowMs, hasAdvice)));
}

/** A finding whole. */
export function findingWhole(finding: Finding, nowMs: number): Child[] {
  return [
    h(
      "div",
      { class: "finding-head" },
      finding.state === "resolved" ? h("span", { class: "badge" }, "✓ resolved") : badge(finding.severity),
      h("span", { class: "subject" }, subjectLink(finding)),
      h("span", {}, verdict(finding)),
    ),
    h("p", { class: "lead" }, finding.state === "resolved" ? ended(finding) : whatHappens(finding)),
    summary(finding, nowMs),
    finding.recommendation && h("h3", {}, "What to do"),
    finding.recommendation && h("p", { class: "advice" }, plain(finding.recommendation)),
    h("h3", {}, "Evidence"),
    evidence(finding),
    ...explanations(finding),
    ...limits(finding),
    ...runs(finding, nowMs),
  ];
}

function summary(finding: Finding, nowMs: number): HTMLElement {
  const told = finding.forecast;
  const interval = told
    ? `${clock(told.interval[0], nowMs)} to ${told.interval[1] ? clock(told.interval[1], nowMs) : "not in sight"}`
    : null;
  return facts([
    ["Rule", plain(finding.rule)],
    ["Since", `${clock(finding.since, nowMs)} (${ago(finding.since, nowMs)})`],
    ["How sure", sureness(finding)],
    ["Forecast", forecast(finding) ?? (isNumber(finding.rate_per_min) ? "no limit in sight" : null)],
    ["When, 10 % to 90 %", interval],
    ["Rival", finding.rival && `${hypothesis(finding.rival.hypothesis)} (${share(finding.rival.probability)})`],
    ["What would decide", finding.rival && plain(finding.rival.decided_by)],
    ["Odds against chance", isNumber(finding.e_value_log10) ? `10^${finding.e_value_log10.toFixed(1)} (e-value)` : null],
    ["Last figures", moment(finding.ts) === null ? null : ago(finding.ts, nowMs)],
    ["Id", h("code", {}, plain(finding.id))],
  ]);
}

const SIDES = [
  ["for", "Speaks for it"],
  ["against", "Speaks against it"],
  ["about", "Who and what"],
] as const;

function evidence(finding: Finding): HTMLElement {
  const lists = SIDES.map(([which, title]) => {
    const items = finding.evidence.filter((it) => side(it) === which);
    const none = which === "about" ? null : h("p", { class: "muted" }, "Nothing so far.");
    if (items.length === 0 && which === "about") return null;
    const lines = items.map((it) =>
      h("li", {}, plain(it.text), " ", h("span", { class: "muted" }, plain(it.name).replaceAll("_", " "))),
    );
    return h("div", { class: `side ${which}` }, h("h4", {}, title), items.length > 0 ? h("ul", {}, ...lines) : none);
  });
  return h("div", { class: "sides" }, ...lists);
}

function explanations(finding: Finding): Child[] {
  if (finding.explanations.length === 0) return [];
  const rows = finding.explanations.map((it) => {
    const bar = h("span", { class: it.is_leak ? "bar leak" : "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.round(Math.min(1, Math.max(0, it.probability)) * 100)}%`;
    const kind = it.is_leak ? "a leak" : "no leak";
    return [hypothesis(it.hypothesis), kind, share(it.probability), h("span", { class: "track" }, bar)];
  });
  const heads = ["Explanation", "Is it a leak", "Probability", "Share"];
  return [h("h3", {}, "Explanations weighed"), narrow(table("Explanations weighed", heads, rows, 2))];
}

function limits(finding: Finding): Child[] {
  if (finding.limits.length === 0) return [];
  const rows = finding.limits.map((it) => [
    plain(it.limit),
    amount(it.used, finding.rate_unit),
    amount(it.limit_value, finding.rate_unit),
    it.limit_value > 0 ? share(it.used / it.limit_value) : "",
  ]);
  return [h("h3", {}, "Limits on its way"), narrow(table("Limits on its way", ["Limit", "Used", "Limit at", "Share"], rows))];
}

function runs(finding: Finding, nowMs: number): Child[] {
  const told = finding.runs;
  if (!told) return [];
  const rows = told.earlier.map((run) => [
    clock(run.started, nowMs),
    span(run.uptime_seconds),
    plain(run.state),
    amount(run.level, finding.rate_unit),
    rate(run.rate_per_min, finding.rate_unit),
  ]);
  const alike = `${told.grew_alike} earlier runs in a row grew like this; ${told.siblings} other processes of the service grow now.`;
  const heads = ["Began", "Lasted", "It", "Level at its end", "Rate"];
  return [h("h3", {}, "Other runs of this service"), h("p", {}, alike), rows.length > 0 && narrow(table("Earlier runs", heads, rows))];
}

/** Where a table over the whole width would tear rows apart. */
function narrow(table: HTMLElement): HTMLElement {
  table.classList.add("narrow");
  return table;
}
