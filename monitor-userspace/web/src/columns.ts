/** Columns of the large tables. */

import { h, type Child } from "./dom";
import { bytes, count, group, percent, plain } from "./format";
import { to } from "./route";
import type { Column } from "./table";
import type { Row } from "./types";

type Number = number | null | undefined;

function figure<T extends Row>(field: string, label: string, title: string, width: number, show: (value: Number) => string): Column<T> {
  return { field, label, title, width, isFigure: true, show: (row) => show(row[field] as Number) };
}

function words<T extends Row>(field: string, label: string, title: string, width: number, show: (row: T) => Child): Column<T> {
  return { field, label, title, width, isFigure: false, show };
}

function aside<T extends Row>(column: Column<T>): Column<T> {
  return { ...column, isAside: true };
}

const HOLDS: Column<Row>[] = [
  figure("rss_anon_bytes", "Anonymous", "Resident anonymous memory", 14, bytes),
  figure("heap_bytes", "Heap", "The brk area", 12, bytes),
  figure("anon_mapped_bytes", "Mapped", "Private anonymous mappings", 12, bytes),
  figure("rss_bytes", "Resident", "Resident set, files and shared memory included", 12, bytes),
  figure("swap_bytes", "Swap", "Swapped out", 11, bytes),
  figure("descriptors", "Descriptors", "Open descriptors", 13, count),
  figure("sockets", "Sockets", "Sockets of every family, listeners too", 10, count),
  figure("timers", "Timers", "POSIX timers and interval timers", 9, count),
  figure("threads", "Threads", "Threads", 10, count),
  figure("cpu_percent", "CPU", "Percent of one core between the last two looks", 10, percent),
];

export const PROCESS_COLUMNS: Column<Row>[] = [
  words("comm", "Process", "Name of the program", 24, (row) =>
    h("a", { href: to("processes", row["pid"] as number), key: `row ${String(row["pid"])}` }, plain(row["comm"]) || "(no name)"),
  ),
  aside(figure("pid", "Pid", "Its number", 10, (value) => String(value ?? ""))),
  aside(words("component", "Component", "Its container, else its unit, else its cgroup", 22, (row) => group(row["component"]))),
  aside(words("user", "User", "Whose it is", 12, (row) => plain(row["user"]))),
  ...HOLDS,
];

export const COMPONENT_COLUMNS: Column<Row>[] = [
  words("component", "Component", "Its container, else its unit, else its cgroup", 28, (row) =>
    h(
      "a",
      { href: to("processes", null, { q: String(row["component"] ?? "") }), key: `row ${String(row["cgroup"])}`, title: plain(row["cgroup"]) },
      group(row["component"]) || "(no name)",
    ),
  ),
  aside(figure("processes", "Processes", "Watched processes", 12, count)),
  figure("working_set_bytes", "Working set", "Memory of its cgroup that cannot be given back", 15, bytes),
  figure("memory_limit", "Limit", "The memory.max on the way to the root that leaves least room", 12, bytes),
  figure("memory_share", "Of limit", "How much of that limit is used", 11, percent),
  ...HOLDS.filter((it) => it.field !== "rss_bytes"),
  figure("oom_kills", "OOM kills", "Its processes that were killed for want of memory", 12, count),
];

/** Fields to ask for. */
export const PROCESS_FIELDS = [...PROCESS_COLUMNS.map((it) => it.field), "cmdline", "unit", "container", "start_time", "final"];
export const SEARCHED = ["comm", "cmdline", "pid", "user", "component", "unit", "container", "cgroup"];

/** A component with its limit as figures of its own. */
export function withLimit(row: Row): Row {
  const limit = row["memory_max"] as { limit_bytes: number; working_set_bytes: number } | null | undefined;
  if (!limit) return { ...row, memory_limit: null, memory_share: null };
  const share = limit.limit_bytes > 0 ? (100 * limit.working_set_bytes) / limit.limit_bytes : null;
  return { ...row, memory_limit: limit.limit_bytes, memory_share: share };
}
