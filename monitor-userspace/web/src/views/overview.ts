/** The host at a glance: whether all is well, where its memory went, who holds most. */

import { Chart } from "../chart";
import { h, table, type Child } from "../dom";
import { findingList } from "../findings";
import { bytes, count, isNumber, percent, plain, share } from "../format";
import { parts, type Part } from "../memory";
import { sorted } from "../order";
import { Panel } from "../panel";
import { to } from "../route";
import { column, extremes } from "../series";
import type { Finding, HistoryAnswer, HostAnswer, HostSnapshot, Pressures, Snapshot } from "../types";
import type { Given, View } from "../view";
import { merged, SEVERITIES } from "../words";

const SHOWN_FINDINGS = 5;
const SHOWN_PROCESSES = 10;
const FIELDS = ["pid", "comm", "component", "rss_anon_bytes", "swap_bytes", "descriptors", "cpu_percent"];

export function overview(given: Given): View {
  let findings: Finding[] = [];
  const tiles = new Panel("This host", { class: "tiles-panel" });
  const worst = new Panel("Findings", { class: "findings-panel", aside: h("a", { href: to("findings") }, "All findings") });
  const memory = new Panel("Where the memory went", { class: "memory-panel" });
  const past = new Panel("Memory in use, last hour", { class: "past-panel" });
  const holders = new Panel("Who holds most", { class: "holders-panel", aside: h("a", { href: to("processes") }, "All processes") });
  const chart = new Chart("Memory in use");
  let host: HostAnswer | null = null;
  const showTiles = () => {
    if (host) tiles.show(...tilesOf(host, findings));
  };
  const showFindings = () => worst.show(...worstOf(findings));
  return {
    title: "Overview",
    element: h(
      "div",
      { class: "view" },
      tiles.element,
      worst.element,
      h("div", { class: "columns" }, memory.element, h("div", { class: "stack" }, past.element, holders.element)),
    ),
    refresh: async () => {
      await Promise.all([
        tiles.fill(hostOf(given), (answer) => {
          host = answer;
          showTiles();
        }),
        memory.fill(hostOf(given), (answer) => (answer.host ? memoryOf(answer.host) : [h("p", { class: "muted" }, "The host was not read yet.")])),
        worst.fill(given.api.findings("open"), (answer) => {
          findings = answer.findings;
          showFindings();
          showTiles();
        }),
        past.fill(given.api.history(null, null, 60), (answer) => pastOf(answer, chart)),
        holders.fill(given.api.processes(FIELDS, 4 * SHOWN_PROCESSES), (answer) => holdersOf(answer.processes)),
      ]);
    },
    finding: (news) => {
      const others = findings.filter((it) => it.id !== news.id);
      findings = news.state === "resolved" ? others : merged(findings, news);
      showFindings();
      showTiles();
    },
    leave: () => chart.remove(),
  };
}

/** Two panels need it; the browser would ask twice. */
let asked: { at: number; answer: Promise<HostAnswer> } | null = null;
function hostOf(given: Given): Promise<HostAnswer> {
  const now = Date.now();
  if (!asked || now - asked.at > 1000) asked = { at: now, answer: given.api.host() };
  return asked.answer;
}

function tile(label: string, value: string, more: Child, level = ""): HTMLElement {
  return h("div", { class: `tile ${level}` }, h("dt", {}, label), h("dd", {}, h("b", {}, value), h("span", { class: "muted" }, more)));
}

function tilesOf(answer: HostAnswer, findings: readonly Finding[]): Child[] {
  const { host, stats } = answer;
  if (!host) return [h("p", { class: "muted" }, "The host was not read yet.")];
  const used = host.mem_total_bytes - host.mem_available_bytes;
  const swap = host.swap_total_bytes - host.swap_free_bytes;
  const worst = SEVERITIES.find((it) => findings.some((finding) => finding.severity === it));
  const told = SEVERITIES.map((it) => [it, findings.filter((finding) => finding.severity === it).length] as const);
  const many = told.filter(([, number]) => number > 0).map(([it, number]) => `${number} ${it}`);
  const lost = stats?.events_lost;
  const tiles = [
    tile("Open findings", String(findings.length), many.join(", ") || "nothing grows without end", worst ?? "well"),
    tile("Memory in use", bytes(used), `${share(used / host.mem_total_bytes)} of ${bytes(host.mem_total_bytes)}`),
    tile("Swap in use", bytes(swap), host.swap_total_bytes > 0 ? `of ${bytes(host.swap_total_bytes)}` : "no swap"),
    tile("CPU", percent(host.cpu_percent), "of all CPUs"),
    tile("Waiting for memory", stall(host.pressure, "memory"), `CPU ${stall(host.pressure, "cpu")}, I/O ${stall(host.pressure, "io")}`.replaceAll(" %", "\u00a0%")),
    tile("Processes", count(host.processes), `${count(host.threads)} threads, ${count(host.zombies)} zombies`),
    tile("Sockets", count(host.sockets), `${count(host.tracked_descriptors)} descriptors, ${count(host.timers)} timers`),
    tile("Events lost", count(lost), lost === 0 ? "what is said is complete" : "what is said is incomplete", lost ? "medium" : ""),
  ];
  return [h("dl", { class: "tiles" }, ...tiles)];
}

function stall(pressure: Pressures, what: keyof Pressures): string {
  const known = pressure[what];
  return known ? percent(known.some.avg60) : "unknown";
}

function worstOf(findings: readonly Finding[]): Child[] {
  const shown = findings.slice(0, SHOWN_FINDINGS);
  const rest = findings.length - shown.length;
  return [
    findingList(shown, Date.now(), "Nothing grows without end.", false),
    rest > 0 && h("p", {}, h("a", { href: to("findings"), key: "rest" }, `${rest} more`)),
  ];
}

function memoryOf(host: HostSnapshot): Child[] {
  const all = parts(host);
  const bar = h("div", { class: "memory-bar", "aria-hidden": "true" });
  for (const part of all) {
    if (part.bytes <= 0) continue;
    const piece = h("span", { class: `piece ${part.field}`, title: `${part.label}: ${bytes(part.bytes)} (${share(part.share)})` });
    piece.style.flexGrow = String(part.bytes);
    bar.append(piece);
  }
  const rows = all.map((part) => [swatch(part), bytes(part.bytes), share(part.share)]);
  const unowned = [
    ["Files in tmpfs", host.unowned["tmpfs_bytes"]],
    ["Segments that nobody has attached", host.unowned["orphan_shm_bytes"]],
    ["Socket buffers", host.unowned["socket_buffer_bytes"]],
    ["The kernel's, all of it", host.unowned["kernel_bytes"]],
  ] as const;
  const rest = unowned.map(([label, value]) => [label, bytes(value)]);
  return [
    bar,
    table(`Parts that add up to ${bytes(host.mem_total_bytes)}`, ["Part", "Bytes", "Share"], rows),
    h("h3", {}, "Of it, what no process owns"),
    table("What no process owns", ["Part", "Bytes"], rest),
  ];
}

function swatch(part: Part): HTMLElement {
  return h("span", { title: part.says }, h("span", { class: `swatch ${part.field}`, "aria-hidden": "true" }), ` ${part.label}`);
}

function pastOf(answer: HistoryAnswer, chart: Chart): Child[] | void {
  if (answer.rows.length < 2) return [h("p", { class: "muted" }, "Not enough history yet.")];
  const values = column(answer, "memory_used_bytes");
  const known = extremes(values);
  chart.set({
    unit: "bytes",
    times: answer.rows.map((row) => (row[0] ?? 0) / 1000),
    says: known ? `from ${bytes(known.first)} to ${bytes(known.last)}, at most ${bytes(known.most)}.` : "nothing is known.",
    lines: [
      { label: "In use", values, colour: "--series-1" },
      { label: "Swap", values: column(answer, "swap_used_bytes"), colour: "--series-2", dash: [6, 4] },
    ],
  });
  return chart.element.isConnected ? undefined : [chart.element];
}

function holdersOf(processes: readonly Snapshot[]): Child[] {
  const held = processes.map((it): Snapshot => ({ ...it, held: number(it["rss_anon_bytes"]) + number(it["swap_bytes"]) }));
  const most = sorted(held, { field: "held", descending: true }, "pid").slice(0, SHOWN_PROCESSES);
  const rows = most.map((it) => [
    h("a", { href: to("processes", it.pid), key: `holder ${it.pid}` }, `${plain(it.comm)} (${it.pid})`),
    bytes(number(it["held"])),
    count(it["descriptors"] as number | null),
    percent(it["cpu_percent"] as number | null),
  ]);
  return [table("Processes that hold most", ["Process", "Anonymous + swap", "Descriptors", "CPU"], rows)];
}

function number(value: unknown): number {
  return isNumber(value) ? value : 0;
}

