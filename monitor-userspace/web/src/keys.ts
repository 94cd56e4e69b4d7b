/** Shortcuts, and the dialog that lists them. */

import { h, table } from "./dom";
import { to } from "./route";

const GO: Record<string, string> = { o: "overview", f: "findings", p: "processes", c: "components", r: "rules", a: "agent" };
const WAIT_MS = 1500;

const LISTED: readonly (readonly [string, string])[] = [
  ["/", "Search in this view"],
  ["g o", "Overview"],
  ["g f", "Findings"],
  ["g p", "Processes"],
  ["g c", "Components"],
  ["g r", "Rules"],
  ["g a", "Agent"],
  ["j, k", "Next and previous row or finding"],
  ["Enter", "Open it"],
  ["t", "Light, dark, or as the system"],
  ["?", "This list"],
  ["Esc", "Close, or leave the search"],
];

export class Keys {
  readonly dialog: HTMLDialogElement;
  private wentAt = 0;

  constructor(private readonly onTheme: () => void) {
    const close = h("button", { type: "submit" }, "Close");
    const rows = LISTED.map(([key, what]) => [h("kbd", {}, key), what]);
    this.dialog = h(
      "dialog",
      { "aria-labelledby": "keys-title" },
      h("h2", { id: "keys-title" }, "Keyboard shortcuts"),
      table("Shortcuts", ["Key", "What it does"], rows, 2),
      h("form", { method: "dialog" }, close),
    );
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  help(): void {
    this.dialog.showModal();
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    const target = event.target;
    const writes = target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
    if (writes) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (this.act(event.key)) event.preventDefault();
  }

  private act(key: string): boolean {
    const goes = Date.now() - this.wentAt < WAIT_MS;
    this.wentAt = 0;
    const view = GO[key];
    if (goes && view) {
      location.hash = to(view);
      return true;
    }
    if (key === "g") this.wentAt = Date.now();
    else if (key === "/") return focus(document.getElementById("search"));
    else if (key === "?") this.help();
    else if (key === "t") this.onTheme();
    else if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
    else return false;
    return true;
  }
}

function focus(element: HTMLElement | null): boolean {
  element?.focus();
  return element !== null;
}

/** Moves the focus among rows, or findings. */
function step(by: number): boolean {
  const links = [...document.querySelectorAll<HTMLElement>("main .rows tbody th a, main .findings .rule")];
  if (links.length === 0) return false;
  const at = links.findIndex((it) => it === document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  const link = links[next];
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: "nearest" });
  return true;
}
