/**
 * `<memwatch-health url="http://host:9890" refresh="30">`: the health of one agent on any page, in one
 * small file without dependencies. Text goes in as text; styles stay inside.
 *
 * `url` is where the agent listens (default: where this file came from), `refresh` the seconds between
 * two questions (default 30, at least 5), `token` what the agent demands of callers from elsewhere.
 * Fires `memwatch-health` with the answer in `detail` whenever one came.
 */
((): void => {
  interface Health {
    status: string;
    timestamp: string;
    components: Record<string, unknown>;
    memory?: { heapUsed?: number; heapTotal?: number };
    uptime?: number;
    recommendations?: unknown[];
  }

  const origin = document.currentScript instanceof HTMLScriptElement ? new URL(".", document.currentScript.src).href : location.href;
  const SHAPES: Record<string, string> = { healthy: "✓", warning: "▲", critical: "◆", unknown: "?" };
  const STYLE = `
    :host { display: block; color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif; max-width: 28rem;
      color: light-dark(#1b2530, #dfe6ee); background: light-dark(#fff, #1a2129);
      border: 1px solid light-dark(#d5dce4, #34404d); border-left: 6px solid var(--level); border-radius: 6px; padding: 10px 14px; }
    :host([hidden]) { display: none; }
    .healthy { --level: light-dark(#1a7f4b, #4cc38a); } .warning { --level: light-dark(#9a5b00, #f0b04b); }
    .critical { --level: light-dark(#b3123f, #ff7b96); } .unknown { --level: light-dark(#5a6875, #9aa7b4); }
    .head { display: flex; gap: .6em; align-items: baseline; margin: 0; }
    .status { font-weight: 650; color: var(--level); text-transform: capitalize; }
    .muted { color: light-dark(#56636f, #9fadba); font-size: 12px; margin-left: auto; }
    dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 8px 0 0; }
    dt { color: light-dark(#56636f, #9fadba); } dd { margin: 0; }
    ul { margin: 8px 0 0; padding-left: 1.2em; }`;

  const make = (tag: string, name: string, text: string): HTMLElement => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.textContent = text;
    return element;
  };

  const amount = (value: unknown): string => {
    if (typeof value !== "number") return "unknown";
    let scaled = value;
    for (const unit of ["B", "KiB", "MiB", "GiB"]) {
      if (scaled < 1024) return `${scaled.toFixed(unit === "B" ? 0 : 1)} ${unit}`;
      scaled /= 1024;
    }
    return `${scaled.toFixed(1)} TiB`;
  };

  /** The word of a component, which is one itself or has one. */
  const word = (component: unknown): string => {
    if (typeof component === "string") return component;
    const known = (component ?? {}) as { status?: unknown; health?: unknown };
    const found = known.status ?? known.health;
    return typeof found === "string" ? found : "unknown";
  };

  class MemwatchHealth extends HTMLElement {
    static readonly observedAttributes = ["url", "refresh", "token"];
    private readonly inside = this.attachShadow({ mode: "open" });
    private readonly box = make("div", "unknown", "");
    private timer = 0;

    constructor() {
      super();
      const sheet = new CSSStyleSheet();
      // The colour of the border depends on the status, which is a class inside.
      sheet.replaceSync(STYLE.replaceAll(/\.(healthy|warning|critical|unknown) \{/g, ":host([status=$1]), .$1 {"));
      this.inside.adoptedStyleSheets = [sheet];
      this.box.setAttribute("role", "group");
      this.box.setAttribute("aria-label", "Health of the host");
      this.inside.append(this.box);
    }

    connectedCallback(): void {
      this.restart();
    }

    disconnectedCallback(): void {
      clearTimeout(this.timer);
    }

    attributeChangedCallback(): void {
      if (this.isConnected) this.restart();
    }

    private restart(): void {
      clearTimeout(this.timer);
      if (!this.box.hasChildNodes()) this.show("unknown", "asking", []);
      void this.ask();
    }

    private async ask(): Promise<void> {
      clearTimeout(this.timer);
      try {
        const base = (this.getAttribute("url") ?? origin).replace(/\/*$/, "/");
        const token = this.getAttribute("token");
        const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
        const answer = await fetch(`${base}api/monitoring/health`, { headers, cache: "no-store", signal: AbortSignal.timeout(10_000) });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const health = (await answer.json()) as Health;
        this.health(health);
        this.dispatchEvent(new CustomEvent("memwatch-health", { detail: health, bubbles: true, composed: true }));
      } catch (error) {
        this.show("unknown", "no answer", [make("p", "", `The agent does not answer: ${error instanceof Error ? error.message : "no reason"}`)]);
      }
      if (!this.isConnected) return;
      clearTimeout(this.timer);
      const seconds = Math.max(5, Number(this.getAttribute("refresh")) || 30);
      this.timer = window.setTimeout(() => void this.ask(), seconds * 1000);
    }

    private health(health: Health): void {
      const list = document.createElement("dl");
      for (const [name, component] of Object.entries(health.components ?? {})) {
        list.append(make("dt", "", name), make("dd", "", word(component)));
      }
      if (health.memory) {
        list.append(make("dt", "", "in use"), make("dd", "", `${amount(health.memory.heapUsed)} of ${amount(health.memory.heapTotal)}`));
      }
      const advice = document.createElement("ul");
      for (const it of health.recommendations ?? []) advice.append(make("li", "", typeof it === "string" ? it : JSON.stringify(it)));
      const time = new Date(health.timestamp).toLocaleTimeString();
      this.show(health.status, time, advice.hasChildNodes() ? [list, advice] : [list]);
    }

    private show(status: string, when: string, rest: HTMLElement[]): void {
      const known = status in SHAPES ? status : "unknown";
      this.setAttribute("status", known);
      this.box.className = known;
      const head = make("p", "head", "");
      head.append(make("span", "status", `${SHAPES[known] ?? ""} ${status}`), make("span", "muted", when));
      this.box.replaceChildren(head, ...rest);
    }
  }

  if (!customElements.get("memwatch-health")) customElements.define("memwatch-health", MemwatchHealth);
})();
