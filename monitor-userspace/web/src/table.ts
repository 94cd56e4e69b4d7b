/**
 * A table of very many rows: only those that are in sight are made, so that 5,000 are as quick as 50. It
 * stays a table for whoever reads it by ear: with headers, and with the number of each row.
 */

import { h, type Child } from "./dom";
import { visible, type Order } from "./order";
import type { Row } from "./types";

const ROW_HEIGHT = 32;

export interface Column<T extends Row> {
  field: string;
  label: string;
  /** What it is, in a sentence. */
  title: string;
  /** Width in characters. */
  width: number;
  /** Whether it is a figure, which is sorted from the largest on. */
  isFigure: boolean;
  /** Left out where there is little room. */
  isAside?: boolean;
  show(row: T): Child;
}

interface Made<T> {
  row: T;
  element: HTMLTableRowElement;
}

export class DataTable<T extends Row> {
  readonly element: HTMLElement;
  private readonly table: HTMLTableElement;
  private readonly body = h("tbody");
  private readonly heads = new Map<string, HTMLTableCellElement>();
  private rows: readonly T[] = [];
  private made = new Map<unknown, Made<T>>();
  private shown: [number, number] = [0, 0];

  constructor(
    label: string,
    private readonly columns: readonly Column<T>[],
    private readonly key: string,
    private order: Order,
    private readonly onOrder: (order: Order) => void,
  ) {
    const cols = columns.map((column) => {
      const col = h("col", { class: column.isAside ? "aside" : "" });
      col.style.width = `${column.width}ch`;
      return col;
    });
    const heads = columns.map((column) => this.head(column));
    const caption = h("caption", { class: "unseen" }, label);
    const head = h("thead", {}, h("tr", { "aria-rowindex": "1" }, ...heads));
    this.table = h("table", { class: "rows" }, caption, h("colgroup", {}, ...cols), head, this.body);
    this.table.style.setProperty("--all", width(columns));
    this.table.style.setProperty("--core", width(columns.filter((it) => !it.isAside)));
    this.element = h("div", { class: "window", tabindex: "0", role: "region", "aria-label": label }, this.table);
    this.element.addEventListener("scroll", () => this.draw(false), { passive: true });
    new ResizeObserver(() => this.draw(false)).observe(this.element);
    this.showOrder();
  }

  set(rows: readonly T[]): void {
    this.rows = rows;
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw(true);
  }

  private head(column: Column<T>): HTMLTableCellElement {
    const turn = () => {
      const same = this.order.field === column.field;
      const descending = same ? !this.order.descending : column.isFigure;
      this.order = { field: column.field, descending };
      this.showOrder();
      this.element.scrollTop = 0;
      this.onOrder(this.order);
    };
    const button = h("button", { type: "button", title: column.title, onclick: turn }, column.label);
    const cell = h("th", { scope: "col", class: classes(column) }, button);
    this.heads.set(column.field, cell);
    return cell;
  }

  private showOrder(): void {
    for (const [field, cell] of this.heads) {
      if (field === this.order.field) {
        cell.setAttribute("aria-sort", this.order.descending ? "descending" : "ascending");
      } else {
        cell.removeAttribute("aria-sort");
      }
    }
  }

  private draw(isNew: boolean): void {
    const { scrollTop, clientHeight } = this.element;
    const [first, last] = visible(scrollTop, clientHeight, ROW_HEIGHT, this.rows.length);
    if (!isNew && first === this.shown[0] && last === this.shown[1]) return;
    this.shown = [first, last];
    const made = new Map<unknown, Made<T>>();
    const elements: HTMLTableRowElement[] = [];
    for (let index = first; index < last; index += 1) {
      const row = this.rows[index];
      if (row === undefined) continue;
      const old = this.made.get(row[this.key]);
      const element = old?.row === row ? old.element : this.line(row);
      element.setAttribute("aria-rowindex", String(index + 2));
      element.classList.toggle("odd", index % 2 === 1);
      made.set(row[this.key], { row, element });
      elements.push(element);
    }
    this.made = made;
    this.place(space(first), elements, space(this.rows.length - last));
  }

  /** Puts rows in place; the one with the focus keeps it, by its key. */
  private place(above: HTMLElement, rows: HTMLElement[], below: HTMLElement): void {
    const active = document.activeElement;
    const inside = active instanceof HTMLElement && this.body.contains(active) ? active : null;
    this.body.replaceChildren(above, ...rows, below);
    if (!inside) return;
    const same = this.body.contains(inside) ? inside : this.linkOf(inside.dataset["key"]);
    same?.focus({ preventScroll: true });
  }

  private linkOf(key: string | undefined): HTMLElement | undefined {
    return [...this.body.querySelectorAll<HTMLElement>("a[data-key]")].find((it) => it.dataset["key"] === key);
  }

  private line(row: T): HTMLTableRowElement {
    const cells = this.columns.map((column, at) => {
      const content = column.show(row);
      const text = typeof content === "string" ? content : null;
      return at === 0
        ? h("th", { scope: "row", title: text }, content)
        : h("td", { class: classes(column), title: column.isFigure ? null : text }, content);
    });
    return h("tr", {}, ...cells);
  }
}

function classes<T extends Row>(column: Column<T>): string {
  return `${column.isFigure ? "figure" : ""} ${column.isAside ? "aside" : ""}`.trim();
}

function width<T extends Row>(columns: readonly Column<T>[]): string {
  return `${columns.reduce((total, it) => total + it.width, 0)}ch`;
}

/** Room for rows that are not made. */
function space(rows: number): HTMLTableRowElement {
  const row = h("tr", { "aria-hidden": "true", class: "space" }, h("td"));
  row.style.height = `${rows * ROW_HEIGHT}px`;
  return row;
}
