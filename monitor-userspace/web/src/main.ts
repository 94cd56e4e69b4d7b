/** The page: its frame, which view is in it, and keeping that up to date. */

import "./style.css";

import { Api } from "./api";
import { h, renew } from "./dom";
import { Keys } from "./keys";
import { Live, type LinkState } from "./live";
import { plain } from "./format";
import { parsed, to } from "./route";
import { applyTheme, switchTheme, theme } from "./theme";
import { tokenDialog } from "./token";
import type { Finding } from "./types";
import type { Given, View } from "./view";
import { agentView } from "./views/agent";
import { findingsView } from "./views/findings";
import { overview } from "./views/overview";
import { processView } from "./views/process";
import { componentsView, processesView } from "./views/rows";
import { rulesView } from "./views/rules";
import { sentence, whose } from "./words";

const VIEWS: readonly (readonly [string, string])[] = [
  ["overview", "Overview"],
  ["findings", "Findings"],
  ["processes", "Processes"],
  ["components", "Components"],
  ["rules", "Rules"],
  ["agent", "Agent"],
];

/** For so long a new view may be nothing but room. */
const PATIENCE_MS = 600;

applyTheme();

class Page {
  private readonly api = new Api();
  private readonly main = h("main", { id: "main", tabindex: "-1" });
  private readonly link = h("span", { class: "link connecting" }, "Connecting");
  private readonly announced = h("div", { class: "unseen", "aria-live": "polite", role: "status" });
  private readonly links = new Map<string, HTMLAnchorElement>();
  private readonly themeButton = h("button", { type: "button", class: "tool", onclick: () => this.turnTheme() });
  private readonly keys = new Keys(() => this.turnTheme());
  private readonly told = new Set<string>();
  private readonly live: Live;
  private view: View | null = null;
  private isRefreshing = false;

  constructor() {
    const token = tokenDialog((text) => {
      this.api.setToken(text);
      void this.refresh();
    });
    this.api.onTokenWanted = () => {
      if (!token.open) token.showModal();
    };
    this.live = new Live(this.api, {
      refresh: () => void this.refresh(),
      finding: (finding) => this.heard(finding),
      state: (state) => this.showLink(state),
    });
    document.body.append(this.head(), this.main, this.announced, this.keys.dialog, token);
    this.showTheme();
  }

  start(): void {
    window.addEventListener("hashchange", () => this.go(true));
    this.go(false);
    this.live.start();
  }

  private head(): HTMLElement {
    const items = VIEWS.map(([view, label]) => {
      const link = h("a", { href: to(view) }, label);
      this.links.set(view, link);
      return h("li", {}, link);
    });
    const help = h("button", { type: "button", class: "tool", onclick: () => this.keys.help(), "aria-label": "Keyboard shortcuts" }, "?");
    const skip = h("a", { class: "skip", href: "#main", onclick: (event: Event) => {
      event.preventDefault();
      this.main.focus();
    } }, "To the content");
    return h(
      "header",
      {},
      skip,
      h("div", { class: "brand" }, h("h1", {}, "memwatch"), h("span", { class: "muted" }, location.host)),
      h("nav", { "aria-label": "Views" }, h("ul", {}, ...items)),
      h("div", { class: "state" }, this.link),
      this.themeButton,
      help,
    );
  }

  /** Shows what the address names. */
  private go(byHand: boolean): void {
    const route = parsed(location.hash);
    this.view?.leave?.();
    const given: Given = { api: this.api, item: route.item, query: route.query, keep: (query) => keep(query) };
    const view = viewOf(route.view, given);
    this.view = view;
    for (const [name, link] of this.links) {
      if (name === route.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${view.title} · memwatch`;
    renew(this.main, view.element);
    if (byHand) {
      window.scrollTo(0, 0);
      this.main.focus({ preventScroll: true });
      this.announced.textContent = view.title;
    }
    this.isRefreshing = false;
    void this.appear(this.refresh());
  }

  /** Shows a view when it is filled, so that nothing moves under the reader; a slow answer is not waited for. */
  private async appear(filled: Promise<void>): Promise<void> {
    this.main.classList.add("coming");
    const view = this.view;
    await Promise.race([filled, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
    if (view === this.view) this.main.classList.remove("coming");
  }

  private async refresh(): Promise<void> {
    // A slow answer is not asked for again while it is on its way.
    if (this.isRefreshing || !this.view) return;
    const view = this.view;
    this.isRefreshing = true;
    this.live.asked();
    try {
      await view.refresh();
    } finally {
      if (view === this.view) this.isRefreshing = false;
    }
    this.live.tell();
  }

  private heard(finding: Finding): void {
    this.view?.finding?.(finding);
    const key = `${finding.id} ${finding.state === "resolved" ? "resolved" : finding.severity}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    const what = finding.state === "resolved" ? "Resolved" : `Finding, ${plain(finding.severity)}`;
    this.announced.textContent = `${what}: ${whose(finding)}: ${sentence(finding)}`;
  }

  private showLink(state: LinkState): void {
    // Seconds that pass are shown, not read out.
    if (this.link.className !== `link ${state.link}`) this.announced.textContent = state.text;
    this.link.className = `link ${state.link}`;
    if (this.link.textContent !== state.text) this.link.textContent = state.text;
    document.body.classList.toggle("old", state.link === "stale" || state.link === "disconnected");
  }

  private turnTheme(): void {
    switchTheme();
    this.showTheme();
  }

  private showTheme(): void {
    const names = { system: "◐ Auto", light: "☀ Light", dark: "☾ Dark" };
    this.themeButton.textContent = names[theme()];
    this.themeButton.setAttribute("aria-label", `Colours: ${theme()}. Change them`);
  }
}

function viewOf(name: string, given: Given): View {
  const pid = given.item !== null && /^\d+$/.test(given.item) ? Number(given.item) : null;
  if (name === "processes") return pid === null ? processesView(given) : processView(given, pid);
  if (name === "findings") return findingsView(given);
  if (name === "components") return componentsView(given);
  if (name === "rules") return rulesView(given);
  return name === "agent" ? agentView(given) : overview(given);
}

/** Changes the query of this address, so that the view can be linked as it is. */
function keep(changes: Record<string, string | null>): void {
  const route = parsed(location.hash);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) route.query.delete(name);
    else route.query.set(name, value);
  }
  history.replaceState(null, "", to(route.view, route.item, Object.fromEntries(route.query)));
}

new Page().start();
