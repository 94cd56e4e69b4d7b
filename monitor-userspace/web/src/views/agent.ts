/** How far the agent is to be trusted: what it lost, what it takes, what it remembers. */

import { facts, h, table, type Child } from "../dom";
import { ago, bytes, clock, count, isNumber, percent, plain, span } from "../format";
import { Panel } from "../panel";
import type { HistoryAnswer, Stats, Status } from "../types";
import type { Given, View } from "../view";

export function agentView(given: Given): View {
  const status = new Panel("The agent");
  const figures = new Panel("Its figures");
  const past = new Panel("Its history");
  return {
    title: "Agent",
    element: h("div", { class: "view" }, status.element, h("div", { class: "columns" }, figures.element, past.element)),
    refresh: async () => {
      const asked = given.api.status();
      await Promise.all([
        status.fill(asked, statusOf),
        figures.fill(asked, (it) => (it.stats ? figuresOf(it.stats) : [h("p", { class: "muted" }, "No figures yet.")])),
        past.fill(given.api.history(null, null, 10_080), pastOf),
      ]);
    },
  };
}

function statusOf(status: Status): Child[] {
  const now = Date.now();
  const verdict = status.complete
    ? h("span", { class: "badge well" }, "✓ complete")
    : h("span", { class: "badge medium" }, "■ incomplete");
  const says = status.complete ? " No event was lost: what it says is complete." : " Events were lost: what it says may lack something.";
  return [
    h("p", { class: "lead" }, verdict, says),
    facts([
      ["Version", plain(status.version)],
      ["Watches since", `${clock(status.since, now)} (${span(status.uptime)})`],
      ["Processes", count(status.processes)],
      ["Open findings", count(status.openFindings)],
      ["Events", status.stats && count(status.stats.events_seen)],
      ["Events lost", status.stats && count(status.stats.events_lost)],
      ["CPU", status.stats && `${percent(status.stats.agent_cpu_percent)} of one core`],
      ["Of it, reading /proc", status.stats && percent(status.stats.reading_cpu_percent)],
      ["Memory", status.stats && bytes(status.stats.agent_rss_anon_bytes)],
      ["Memory in the kernel", status.stats && bytes(status.stats.agent_kernel_bytes)],
    ]),
  ];
}

/** All figures, with what they are called in the agent's lines, so that new ones show too. */
function figuresOf(stats: Stats): Child[] {
  const rows: Child[][] = [];
  for (const [name, value] of Object.entries(stats)) {
    if (isNumber(value)) rows.push([label(name), shown(name, value)]);
  }
  return [table("Figures of the agent", ["Figure", "Value"], rows), ...families("Lost, by family", stats["lost_by_family"]), ...families("Failed calls, by family", stats["failed_by_family"])];
}

function label(name: string): string {
  const words = plain(name).replace(/_(bytes|percent)$/, "").replaceAll("_", " ");
  const named = words.replace(/\bcpu\b/, "CPU").replace(/\brss anon\b/, "anonymous memory");
  return named.charAt(0).toUpperCase() + named.slice(1);
}

function shown(name: string, value: number): string {
  if (name.endsWith("_bytes")) return bytes(value);
  return name.endsWith("_percent") ? percent(value) : count(value);
}

function families(title: string, by: unknown): Child[] {
  const rows = Object.entries((by ?? {}) as Record<string, number>).filter(([, number]) => number > 0);
  if (rows.length === 0) return [];
  return [h("h3", {}, title), table(title, ["Family", "Number"], rows.map(([family, number]) => [plain(family), count(number)]))];
}

function pastOf(answer: HistoryAnswer): Child[] {
  const first = answer.rows[0]?.[0];
  const last = answer.rows.at(-1)?.[0];
  if (!isNumber(first) || !isNumber(last)) return [h("p", { class: "muted" }, "Nothing was written yet.")];
  const now = Date.now();
  const time = (ms: number) => new Date(ms).toISOString();
  return [
    facts([
      ["Samples of the host, last 7 days", count(answer.rows.length)],
      ["Oldest of these", clock(time(first), now)],
      ["Newest", ago(time(last), now)],
      ["One every", span(answer.stepSeconds)],
    ]),
  ];
}
