/** The two large tables: processes and components, with search, filter and order kept in the address. */

import { COMPONENT_COLUMNS, PROCESS_COLUMNS, PROCESS_FIELDS, SEARCHED, withLimit } from "../columns";
import { h } from "../dom";
import { count, isNumber } from "../format";
import { matching, sorted, type Order } from "../order";
import { Panel } from "../panel";
import { DataTable, type Column } from "../table";
import type { Row } from "../types";
import type { Given, View } from "../view";

/** The agent lists no more. */
const MOST = 10_000;
const MIB = 1024 * 1024;
const LEAST: readonly (readonly [string, number])[] = [
  ["any size", 0],
  ["1 MiB and more", MIB],
  ["10 MiB and more", 10 * MIB],
  ["100 MiB and more", 100 * MIB],
  ["1 GiB and more", 1024 * MIB],
];

interface Kind {
  title: string;
  columns: readonly Column<Row>[];
  /** Tells rows apart. */
  key: string;
  order: Order;
  /** What the filter by size looks at. */
  size: string;
  ask(given: Given): Promise<{ rows: Row[]; total: number }>;
}

const PROCESSES: Kind = {
  title: "Processes",
  columns: PROCESS_COLUMNS,
  key: "pid",
  order: { field: "rss_anon_bytes", descending: true },
  size: "rss_anon_bytes",
  ask: async (given) => {
    const answer = await given.api.processes(PROCESS_FIELDS, MOST);
    const rows = answer.processes.filter((it) => it["final"] !== true);
    return { rows, total: answer.total };
  },
};

const COMPONENTS: Kind = {
  title: "Components",
  columns: COMPONENT_COLUMNS,
  key: "cgroup",
  order: { field: "working_set_bytes", descending: true },
  size: "working_set_bytes",
  ask: async (given) => {
    const { components } = await given.api.components();
    return { rows: components.map(withLimit), total: components.length };
  },
};

export const processesView = (given: Given): View => rowsView(given, PROCESSES);
export const componentsView = (given: Given): View => rowsView(given, COMPONENTS);

function rowsView(given: Given, kind: Kind): View {
  let rows: Row[] = [];
  let total = 0;
  let order = orderOf(given.query, kind);
  const placeholder = kind === PROCESSES ? "name, command, pid, user, component" : "name, unit, container";
  const search = h("input", { type: "search", id: "search", placeholder, value: given.query.get("q") ?? "" });
  const chosen = given.query.get("least") ?? "0";
  const sizes = LEAST.map(([label, value]) => h("option", { value, selected: String(value) === chosen }, label));
  const least = h("select", { name: "least" }, ...sizes);
  const shown = h("p", { class: "muted shown", "aria-live": "polite" });
  const table = new DataTable<Row>(`Table of ${kind.title.toLowerCase()}`, kind.columns, kind.key, order, (wanted) => {
    order = wanted;
    given.keep({ sort: order.field, down: order.descending ? "1" : "0" });
    draw();
  });
  const draw = () => {
    const floor = Number(least.value);
    const large = floor > 0 ? rows.filter((it) => isNumber(it[kind.size]) && (it[kind.size] as number) >= floor) : rows;
    const found = matching(large, search.value, SEARCHED);
    const text = `${count(found.length)} of ${count(Math.max(total, rows.length))}`;
    if (shown.textContent !== text) shown.textContent = text;
    table.set(sorted(found, order, kind.key));
  };
  const changed = () => {
    given.keep({ q: search.value || null, least: least.value === "0" ? null : least.value });
    table.element.scrollTop = 0;
    draw();
  };
  search.addEventListener("input", changed);
  least.addEventListener("change", changed);
  const tools = h(
    "form",
    { class: "tools", onsubmit: (event: Event) => event.preventDefault() },
    h("label", {}, "Search ", search),
    h("label", {}, "Holds ", least),
    shown,
  );
  const panel = new Panel(kind.title, { class: "table-panel" });
  return {
    title: kind.title,
    element: h("div", { class: "view" }, tools, panel.element),
    refresh: async () => {
      await panel.fill(kind.ask(given), (answer) => {
        rows = answer.rows;
        total = answer.total;
        draw();
        return table.element.isConnected ? undefined : [table.element];
      });
      // Its height is known once it is in place.
      if (rows.length > 0) draw();
    },
  };
}

function orderOf(query: URLSearchParams, kind: Kind): Order {
  const field = query.get("sort");
  if (field === null || !kind.columns.some((it) => it.field === field)) return kind.order;
  return { field, descending: query.get("down") !== "0" };
}
