/** All findings, and one of them whole. */

import { h } from "../dom";
import { findingList, findingWhole } from "../findings";
import { matching } from "../order";
import { Panel } from "../panel";
import { to } from "../route";
import type { Finding, Row } from "../types";
import type { Given, View } from "../view";
import { merged, sentence, SEVERITIES, whose } from "../words";

export function findingsView(given: Given): View {
  return given.item === null ? list(given) : one(given, given.item);
}

function list(given: Given): View {
  let state: "open" | "resolved" = given.query.get("state") === "resolved" ? "resolved" : "open";
  let findings: Finding[] = [];
  const search = h("input", { type: "search", id: "search", placeholder: "name, rule, component", value: given.query.get("q") ?? "" });
  const which = select("state", ["open", "resolved"], state);
  const severity = select("severity", ["any", ...SEVERITIES], given.query.get("severity") ?? "any");
  const tools = h(
    "form",
    { class: "tools", onsubmit: (event: Event) => event.preventDefault() },
    h("label", {}, "Search ", search),
    h("label", {}, "State ", which),
    h("label", {}, "Severity ", severity),
  );
  const panel = new Panel("Findings", { class: "tall" });
  const draw = () => {
    const wanted = findings.filter((it) => severity.value === "any" || it.severity === severity.value);
    const rows = wanted.map((it): Row => ({ it, who: whose(it), what: `${it.rule} ${sentence(it)} ${it.component ?? ""}` }));
    const shown = matching(rows, search.value, ["who", "what"]).map((row) => row["it"] as Finding);
    const none = findings.length > 0 ? "No finding is like this." : state === "open" ? "Nothing grows without end." : "No finding has ended.";
    panel.show(findingList(shown, Date.now(), none));
  };
  const refresh = async () => {
    await panel.fill(given.api.findings(state), (answer) => {
      findings = answer.findings;
      draw();
    });
  };
  const changed = () => {
    given.keep({ q: search.value || null, state: which.value, severity: severity.value === "any" ? null : severity.value });
    draw();
  };
  search.addEventListener("input", changed);
  severity.addEventListener("change", changed);
  which.addEventListener("change", () => {
    state = which.value === "resolved" ? "resolved" : "open";
    changed();
    void refresh();
  });
  return {
    title: "Findings",
    element: h("div", { class: "view" }, tools, panel.element),
    refresh,
    finding: (news) => {
      const belongs = (news.state === "resolved") === (state === "resolved");
      findings = belongs ? merged(findings, news) : findings.filter((it) => it.id !== news.id);
      draw();
    },
  };
}

function one(given: Given, id: string): View {
  const panel = new Panel("Finding", { aside: h("a", { href: to("findings") }, "All findings") });
  const show = (finding: Finding) => findingWhole(finding, Date.now());
  return {
    title: "Finding",
    element: h("div", { class: "view" }, panel.element),
    refresh: async () => {
      await panel.fill(given.api.finding(id), (answer) => show(answer.finding));
    },
    finding: (news) => {
      if (news.id === id) panel.show(...show(news));
    },
  };
}

export function select(name: string, values: readonly string[], chosen: string): HTMLSelectElement {
  const options = values.map((value) => h("option", { value, selected: value === chosen }, value));
  return h("select", { name }, ...options);
}
