/** Asking the agent, and how long ago it last answered. */

import type {
  ComponentsAnswer,
  Finding,
  FindingsAnswer,
  HistoryAnswer,
  HostAnswer,
  ProcessAnswer,
  ProcessesAnswer,
  Rule,
  Status,
} from "./types";

const BASE = "api/monitoring/";
const PATIENCE_MS = 20_000;
const TOKEN = "memwatch-token";

/** The agent answered that it cannot, or did not answer (status 0). */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export class Api {
  /** When the agent last answered, of this browser's clock. */
  lastAnswerMs: number | null = null;
  /** Whether the last call reached nobody. */
  isUnreachable = false;
  /** Called where the agent demands a token. */
  onTokenWanted: () => void = () => undefined;

  status(): Promise<Status> {
    return this.get("agent");
  }

  host(): Promise<HostAnswer> {
    return this.get("host");
  }

  processes(fields: readonly string[], limit: number): Promise<ProcessesAnswer> {
    return this.get(`processes?fields=${fields.join(",")}&limit=${limit}`);
  }

  process(pid: number): Promise<ProcessAnswer> {
    return this.get(`processes/${pid}`);
  }

  components(): Promise<ComponentsAnswer> {
    return this.get("components");
  }

  findings(state: "open" | "resolved"): Promise<FindingsAnswer> {
    return this.get(`findings?state=${state}`);
  }

  finding(id: string): Promise<{ timestamp: string; finding: Finding }> {
    return this.get(`findings/${encodeURIComponent(id)}`);
  }

  rules(): Promise<{ timestamp: string; rules: Rule[] }> {
    return this.get("rules");
  }

  /** Of a process, or of the host. */
  history(pid: number | null, startTime: unknown, minutes: number): Promise<HistoryAnswer> {
    const query = new URLSearchParams({ minutes: String(minutes) });
    if (pid !== null) query.set("pid", String(pid));
    if (pid !== null && typeof startTime === "string") query.set("startTime", startTime);
    return this.get(`history?${query.toString()}`);
  }

  /** The stream of events, from after the one of that id. */
  events(lastId: string | null, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "text/event-stream", ...this.credentials() };
    if (lastId !== null) headers["Last-Event-ID"] = lastId;
    return fetch(`${BASE}events`, { headers, signal, cache: "no-store" });
  }

  setToken(token: string): void {
    sessionStorage.setItem(TOKEN, token);
  }

  /** Notes that the agent is there. */
  heard(): void {
    this.lastAnswerMs = Date.now();
    this.isUnreachable = false;
  }

  private credentials(): Record<string, string> {
    const token = sessionStorage.getItem(TOKEN);
    return token ? { Authorization: `Bearer ${token}` } : {};
  }

  private async get<T>(path: string): Promise<T> {
    let response: Response;
    try {
      response = await fetch(BASE + path, {
        headers: { Accept: "application/json", ...this.credentials() },
        signal: AbortSignal.timeout(PATIENCE_MS),
        cache: "no-store",
      });
    } catch (error) {
      this.isUnreachable = true;
      throw new Refused(0, `the agent does not answer (${error instanceof Error ? error.message : "no reason"})`);
    }
    this.heard();
    if (response.status === 401) this.onTokenWanted();
    if (!response.ok) throw new Refused(response.status, await detail(response));
    return (await response.json()) as T;
  }
}

/** What an error says of itself: RFC 9457, else its status. */
async function detail(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { detail?: unknown };
    if (typeof problem.detail === "string") return problem.detail;
  } catch {
    // No JSON: the status is all there is.
  }
  return `the agent answers with status ${response.status}`;
}
