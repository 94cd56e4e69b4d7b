/** What a process holds, as tables. */

import { h, table, type Child } from "./dom";
import { ago, amount, bytes, count, percent, plain, rate, span } from "./format";
import type { Snapshot, Trend } from "./types";

type Show = (value: number | null | undefined) => string;
type Field = readonly [string, string];

const MEMORY: readonly Field[] = [
  ["rss_bytes", "Resident"],
  ["rss_anon_bytes", "Resident, anonymous"],
  ["rss_file_bytes", "Resident, files"],
  ["rss_shmem_bytes", "Resident, shared"],
  ["swap_bytes", "Swapped out"],
  ["lazyfree_bytes", "Freed, not yet taken back"],
  ["thp_bytes", "In huge pages"],
  ["pss_bytes", "Proportional share"],
  ["heap_bytes", "Heap"],
  ["anon_mapped_bytes", "Anonymous mappings"],
  ["file_mapped_bytes", "File mappings"],
  ["shared_mapped_bytes", "Shared mappings"],
  ["virtual_bytes", "Virtual size"],
];

const DESCRIPTORS: readonly Field[] = [
  ["descriptors", "Descriptors, all"],
  ["files", "Files"],
  ["sockets", "Sockets"],
  ["listeners", "of them listening"],
  ["idle_connections", "of them idle for ten minutes"],
  ["pipes", "Ends of pipes"],
  ["eventfds", "Eventfds"],
  ["timerfds", "Timerfds"],
  ["epolls", "Epolls"],
  ["inotifies", "Inotifies"],
  ["memfds", "Memfds"],
  ["other_descriptors", "Others"],
  ["descriptor_objects", "Open files behind them"],
];

const OTHERS: readonly Field[] = [
  ["mappings", "Mappings (VMAs)"],
  ["threads", "Threads"],
  ["children", "Children"],
  ["zombies", "Zombies"],
  ["timers", "Timers"],
  ["epoll_watches", "Watched by epolls"],
  ["inotify_watches", "Watched by inotifies"],
  ["shm_segments", "System V segments"],
];

export function inventory(process: Snapshot): Child[] {
  const connections = process["connections"] as Record<string, number> | null | undefined;
  const states = Object.entries(connections ?? {}).filter(([, value]) => value > 0);
  const tcp = states.map(([state, value]) => [plain(state).toUpperCase(), count(value)]);
  return [
    h(
      "div",
      { class: "parts" },
      group("Memory", MEMORY, process, bytes),
      group("Descriptors", DESCRIPTORS, process, count),
      h(
        "div",
        {},
        group("Others", OTHERS, process, count),
        tcp.length > 0 && h("h3", {}, "TCP connections"),
        tcp.length > 0 && table("TCP connections by state", ["State", "Sockets"], tcp),
      ),
      h("div", {}, ...extras(process)),
    ),
  ];
}

function group(title: string, fields: readonly Field[], process: Snapshot, show: Show): Child {
  const known = fields.filter(([field]) => process[field] !== null && process[field] !== undefined);
  if (known.length === 0) return null;
  const rows = known.map(([field, label]) => [label, show(process[field] as number)]);
  return h("div", {}, h("h3", {}, title), table(title, ["What", "Now"], rows));
}

function extras(process: Snapshot): Child[] {
  const rows: Child[][] = [];
  const deleted = process["deleted_files"] as { files: number; disk_bytes: number; largest_path: string | null } | null | undefined;
  if (deleted && deleted.files > 0) {
    rows.push(["Deleted files it has open", h("span", { class: "long" }, `${count(deleted.files)}, ${bytes(deleted.disk_bytes)} on disk: ${plain(deleted.largest_path)}`)]);
  }
  const queue = process["accept_queue"] as { waiting: number; limit: number } | null | undefined;
  if (queue) rows.push(["Fullest accept queue", `${count(queue.waiting)} of ${count(queue.limit)}`]);
  const limits = process["limits"] as Record<string, number | null> | null | undefined;
  if (limits) {
    rows.push(["Limit of descriptors", count(limits["open_files"])], ["Limit of its address space", bytes(limits["address_space_bytes"])]);
  }
  const load = process["load"] as { cpu_ms: number; accepted: number | null; read_bytes: number | null } | null | undefined;
  if (load) rows.push(["CPU time", span(load.cpu_ms / 1000)], ["Connections accepted", count(load.accepted)], ["Bytes read", bytes(load.read_bytes)]);
  rows.push(["CPU", percent(process["cpu_percent"] as number | null)]);
  const access = process["access"] as { window_seconds: number; held_bytes: number; touched_bytes: number } | null | undefined;
  if (access) rows.push([`Touched within ${access.window_seconds} s`, `${bytes(access.touched_bytes)} of ${bytes(access.held_bytes)}`]);
  const accuracy = process["accuracy"] as { checked_at: string; mapping_error_bytes: number | null; descriptor_error: number | null } | null | undefined;
  if (accuracy) {
    rows.push(["Error of mappings, when last checked", `${bytes(accuracy.mapping_error_bytes)}, ${ago(accuracy.checked_at, Date.now())}`]);
    rows.push(["Error of descriptors", count(accuracy.descriptor_error)]);
  }
  return [h("h3", {}, "Limits, load and accuracy"), table("Limits, load and accuracy", ["What", "Value"], rows)];
}

const ARROWS = { rising: "↗ rising", falling: "↘ falling", steady: "→ steady" } as const;

export function trendTable(trends: readonly Trend[]): Child {
  if (trends.length === 0) return h("p", { class: "muted" }, "Not watched long enough, or nothing moved.");
  const rows = trends.map((it) => [
    plain(it.resource),
    ARROWS[it.direction] ?? plain(it.direction),
    rate(it.ratePerMin, it.unit),
    `${amount(it.first, it.unit)} → ${amount(it.last, it.unit)}`,
    span(it.overSeconds),
  ]);
  return table("Trends", ["Measure", "Way", "Rate", "From → to", "Over"], rows, 2);
}
