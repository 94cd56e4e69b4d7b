/**
 * Making elements. Text goes in as text nodes only: nothing here, or anywhere in the page, takes markup, so
 * that the name of a process stays a name. The content-security policy forbids the rest (trusted types).
 */

export type Child = Node | string | number | null | undefined | false;

interface Props {
  class?: string;
  /** Finds what has the focus or is open again, once it was made anew. */
  key?: string;
  [attribute: string]: unknown;
}

type Tags = HTMLElementTagNameMap;

export function h<K extends keyof Tags>(tag: K, props: Props = {}, ...children: Child[]): Tags[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  append(element, children);
  return element;
}

function set(element: HTMLElement, name: string, value: unknown): void {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on") && typeof value === "function") {
    element.addEventListener(name.slice(2), value as EventListener);
  } else if (name === "key") {
    element.dataset["key"] = String(value);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

export function append(parent: Node, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Puts these in the place of all there is; what has the focus keeps it, and what is open stays open. */
export function renew(parent: HTMLElement, ...children: Child[]): void {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && parent.contains(active) ? active.dataset["key"] : undefined;
  const details = parent.querySelectorAll<HTMLDetailsElement>("details[data-key]");
  const open = new Map([...details].map((it) => [it.dataset["key"], it.open]));
  parent.replaceChildren();
  append(parent, children);
  for (const it of parent.querySelectorAll<HTMLDetailsElement>("details[data-key]")) {
    it.open = open.get(it.dataset["key"]) ?? it.open;
  }
  if (focused !== undefined) byKey(parent, focused)?.focus({ preventScroll: true });
}

function byKey(parent: HTMLElement, key: string): HTMLElement | undefined {
  const all = parent.querySelectorAll<HTMLElement>("[data-key]");
  return [...all].find((it) => it.dataset["key"] === key);
}

/** A name and what it is, as a list of terms. */
export function facts(pairs: readonly (readonly [string, Child])[]): HTMLElement {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const items = shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  return h("dl", { class: "facts" }, ...items);
}

/** A small table whose first column heads its rows. */
export function table(caption: string, heads: readonly string[], rows: readonly Child[][], figures = 1): HTMLElement {
  const head = heads.map((it, at) => h("th", { scope: "col", class: at >= figures ? "figure" : "" }, it));
  const body = rows.map((cells) => {
    const made = cells.map((cell, at) =>
      at === 0
        ? h("th", { scope: "row" }, cell)
        : h("td", { class: at >= figures ? "figure" : "" }, cell),
    );
    return h("tr", {}, ...made);
  });
  const whole = h(
    "table",
    { class: "plain" },
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...body),
  );
  return h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption }, whole);
}
