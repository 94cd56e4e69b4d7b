/** The rules that are on. */

import { h, type Child } from "../dom";
import { plain, span } from "../format";
import { matching } from "../order";
import { Panel } from "../panel";
import type { Row, Rule } from "../types";
import type { Given, View } from "../view";

export function rulesView(given: Given): View {
  let rules: Rule[] = [];
  const search = h("input", { type: "search", id: "search", placeholder: "name or words", value: given.query.get("q") ?? "" });
  const panel = new Panel("Rules", { class: "tall" });
  const draw = () => {
    const rows = rules.map((it): Row => ({ ...it }));
    const found = matching(rows, search.value, ["name", "description", "condition"]);
    panel.show(h("ul", { class: "rules" }, ...found.map((it) => line(it as unknown as Rule))));
  };
  search.addEventListener("input", () => {
    given.keep({ q: search.value || null });
    draw();
  });
  const tools = h("form", { class: "tools", onsubmit: (event: Event) => event.preventDefault() }, h("label", {}, "Search ", search));
  return {
    title: "Rules",
    element: h("div", { class: "view" }, tools, panel.element),
    refresh: async () => {
      await panel.fill(given.api.rules(), (answer) => {
        rules = answer.rules;
        draw();
      });
    },
  };
}

function line(rule: Rule): Child {
  const hold = rule.holdSeconds > 0 ? `must hold for ${span(rule.holdSeconds)}` : "at once";
  return h(
    "li",
    {},
    h("h3", {}, plain(rule.name), h("span", { class: "muted" }, hold)),
    h("p", {}, plain(rule.description)),
    h("pre", { tabindex: "0" }, h("code", {}, plain(rule.condition))),
  );
}
