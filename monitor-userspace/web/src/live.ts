/**
 * Keeping the page up to date: by the agent's events where it sends them, else by asking every few seconds,
 * and saying which of the two, or that neither works.
 */

import type { Api } from "./api";
import { EventParser, type ServerEvent } from "./events";
import { span } from "./format";
import type { Finding } from "./types";

const ASK_EVERY_MS = 10_000;
const RETRY_EVENTS_MS = 15_000;
const STALE_AFTER_MS = 30_000;
/** Events that come closer than this are one reason to ask. */
const LEAST_GAP_MS = 4_000;

export type Link = "connecting" | "live" | "polling" | "stale" | "disconnected";

export interface LinkState {
  link: Link;
  text: string;
}

/** What the page says of its link. Pure. */
export function linkState(lastAnswerMs: number | null, isUnreachable: boolean, hasEvents: boolean, nowMs: number): LinkState {
  if (lastAnswerMs === null) {
    return isUnreachable
      ? { link: "disconnected", text: "Disconnected: no answer yet" }
      : { link: "connecting", text: "Connecting" };
  }
  const age = nowMs - lastAnswerMs;
  const last = span(age / 1000);
  if (isUnreachable) return { link: "disconnected", text: `Disconnected: last answer ${last} ago` };
  if (age > STALE_AFTER_MS) return { link: "stale", text: `Stale: last answer ${last} ago` };
  return hasEvents
    ? { link: "live", text: "Live" }
    : { link: "polling", text: `Polling every ${ASK_EVERY_MS / 1000} s` };
}

export interface Listener {
  /** Time to ask again. */
  refresh(): void;
  finding(finding: Finding): void;
  state(state: LinkState): void;
}

export class Live {
  private hasEvents = false;
  private lastId: string | null = null;
  private lastAskedMs = 0;

  constructor(
    private readonly api: Api,
    private readonly listener: Listener,
  ) {}

  start(): void {
    void this.follow();
    setInterval(() => {
      if (Date.now() - this.lastAskedMs >= ASK_EVERY_MS) this.ask();
      this.tell();
    }, 1000);
    // A page that nobody sees asks nothing; one that is seen again is not to show what was.
    document.addEventListener("visibilitychange", () => this.ask());
    window.addEventListener("online", () => this.ask());
  }

  /** Notes that somebody else has just asked. */
  asked(): void {
    this.lastAskedMs = Date.now();
  }

  tell(): void {
    this.listener.state(linkState(this.api.lastAnswerMs, this.api.isUnreachable, this.hasEvents, Date.now()));
  }

  private ask(): void {
    if (document.hidden) return;
    this.lastAskedMs = Date.now();
    this.listener.refresh();
  }

  private async follow(): Promise<never> {
    for (;;) {
      const stop = new AbortController();
      try {
        const response = await this.api.events(this.lastId, stop.signal);
        const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream") ?? false;
        if (response.ok && isStream && response.body) await this.read(response.body);
      } catch {
        // No events: the page asks instead, and tries again.
      }
      stop.abort();
      this.hasEvents = false;
      this.tell();
      await new Promise((resolve) => setTimeout(resolve, RETRY_EVENTS_MS));
    }
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    this.hasEvents = true;
    this.tell();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.api.heard();
      for (const event of parser.push(decoder.decode(value, { stream: true }))) this.take(event);
    }
  }

  private take(event: ServerEvent): void {
    if (event.id !== null) this.lastId = event.id;
    if (event.event === "finding") {
      try {
        this.listener.finding(JSON.parse(event.data) as Finding);
      } catch {
        // Half an event tells nothing; the next question does.
      }
    }
    if (Date.now() - this.lastAskedMs >= LEAST_GAP_MS) this.ask();
  }
}
