/** One process: what it is, what is said of it, how what it holds moved and will, and what it holds. */

import { Refused } from "../api";
import { Chart } from "../chart";
import { h, facts, type Child } from "../dom";
import { findingList } from "../findings";
import { ago, clock, group, isNumber, plain } from "../format";
import { inventory, trendTable } from "../inventory";
import { Panel } from "../panel";
import { minutesOf, PERIODS, periodOf } from "../period";
import { drawings, GRAPHS } from "../process-charts";
import { to } from "../route";
import type { HistoryAnswer, ProcessAnswer, Snapshot } from "../types";
import type { Given, View } from "../view";
import { merged } from "../words";
import { select } from "./findings";

export function processView(given: Given, pid: number): View {
  let answer: ProcessAnswer | null = null;
  let past: HistoryAnswer | null = null;
  const period = select("period", Object.keys(PERIODS), periodOf(given.query));
  const who = new Panel(`Process ${pid}`, { aside: h("a", { href: to("processes") }, "All processes") });
  const said = new Panel("Findings about it");
  const charts = GRAPHS.map((it) => new Chart(it.title));
  const history = new Panel("History", { class: "history-panel", aside: h("label", {}, "Period ", period) });
  const holds = new Panel("What it holds");
  const moved = new Panel("How it moved");
  const grid = h("div", { class: "charts" }, ...charts.map((it) => it.element));
  const draw = (): Child[] | void => {
    if (!past) return;
    if (past.rows.length < 2) return [h("p", { class: "muted" }, "Not enough history yet: it is written every half minute.")];
    const all = drawings(past, answer?.findings ?? []);
    all.forEach((drawing, at) => charts[at]?.set(drawing));
    return grid.isConnected ? undefined : [grid];
  };
  const showFindings = () => said.show(findingList(answer?.findings ?? [], Date.now(), "Nothing is said against it."));
  const askPast = () => given.api.history(pid, answer?.process["start_time"], minutesOf(period.value));
  const fillPast = () =>
    history.fill(askPast(), (it) => {
      past = it;
      return draw();
    });
  period.addEventListener("change", () => {
    given.keep({ minutes: String(minutesOf(period.value)) });
    void fillPast();
  });
  const refresh = async () => {
    const asked = given.api.process(pid).catch((error: unknown) => Promise.reject(gone(error, pid)));
    await who.fill(asked, (it) => {
      answer = it;
      showFindings();
      holds.show(...inventory(it.process));
      moved.show(trendTable(it.trends));
      return whoIs(it.process);
    });
    for (const panel of answer ? [] : [said, holds, moved]) panel.show(h("p", { class: "muted" }, "Unknown."));
    await fillPast();
  };
  return {
    title: `Process ${pid}`,
    element: h("div", { class: "view" }, who.element, said.element, history.element, moved.element, holds.element),
    refresh,
    finding: (news) => {
      if (!answer || news.pid !== pid) return;
      answer = { ...answer, findings: merged(answer.findings, news) };
      showFindings();
      draw();
    },
    leave: () => charts.forEach((it) => it.remove()),
  };
}

function gone(error: unknown, pid: number): unknown {
  if (!(error instanceof Refused) || error.status !== 404) return error;
  return new Refused(404, `no process ${pid} is watched now; it may have ended`);
}

function whoIs(process: Snapshot): Child[] {
  const component = process["component"];
  const parent = process["ppid"];
  const now = Date.now();
  return [
    h("p", { class: "lead" }, h("b", { id: "comm" }, plain(process.comm) || "(no name)"), " ", h("code", { id: "cmdline" }, plain(process["cmdline"]))),
    facts([
      ["User", plain(process["user"])],
      ["Started", process["start_time"] ? `${clock(process["start_time"], now)} (${ago(process["start_time"], now)})` : null],
      ["Component", typeof component === "string" ? h("a", { href: to("components", null, { q: component }), key: "component" }, group(component)) : null],
      ["Unit", plain(process["unit"])],
      ["Container", group(process["container"])],
      ["Pod", plain(process["pod"])],
      ["Parent", isNumber(parent) && parent > 0 ? h("a", { href: to("processes", parent), key: "parent" }, String(parent)) : null],
      ["Figures from", process["source"] === "proc" ? "/proc, every ten seconds" : "events, exact"],
      ["State", process["final"] === true ? "has ended" : null],
    ]),
  ];
}

