/** A part of a view with a heading of its own, which says by itself when the agent cannot fill it. */

import { Refused } from "./api";
import { h, renew, type Child } from "./dom";

let made = 0;

export class Panel {
  readonly element: HTMLElement;
  private readonly note: HTMLElement;
  private readonly body: HTMLElement;
  private isFilled = false;

  constructor(title: string, options: { class?: string; aside?: Child; placeholder?: string } = {}) {
    made += 1;
    const id = `panel-${made}`;
    this.note = h("p", { class: "note", role: "status" });
    this.note.hidden = true;
    this.body = h("div", { class: "body" }, h("p", { class: "muted" }, options.placeholder ?? "Loading …"));
    this.element = h(
      "section",
      { class: `panel ${options.class ?? ""}`, "aria-labelledby": id },
      h("div", { class: "panel-head" }, h("h2", { id }, title), options.aside),
      this.note,
      this.body,
    );
  }

  /** Waits for an answer and shows it; what was shown before stays while there is no new one. */
  async fill<T>(answer: Promise<T>, show: (answer: T) => Child[] | void): Promise<T | null> {
    let value: T;
    try {
      value = await answer;
    } catch (error) {
      this.say(error);
      return null;
    }
    this.note.hidden = true;
    const children = show(value);
    if (children) renew(this.body, ...children);
    this.isFilled = true;
    this.element.classList.remove("empty");
    return value;
  }

  /** Shows something that is not asked for. */
  show(...children: Child[]): void {
    this.isFilled = true;
    this.element.classList.remove("empty");
    renew(this.body, ...children);
  }

  private say(error: unknown): void {
    const text = why(error);
    this.note.hidden = false;
    this.note.textContent = this.isFilled ? `Not up to date: ${text}` : text;
    if (this.isFilled) return;
    renew(this.body);
    this.element.classList.add("empty");
  }
}

function why(error: unknown): string {
  if (!(error instanceof Refused)) return `This cannot be shown: ${String(error)}`;
  if (error.status === 404) return `Not available from this agent: ${error.message}`;
  if (error.status === 401 || error.status === 403) return `Not allowed: ${error.message}`;
  return `Not available now: ${error.message}`;
}
