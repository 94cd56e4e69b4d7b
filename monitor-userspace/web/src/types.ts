/**
 * What the API answers, as far as the page reads it. Names are those of the agent's JSON schema, which a
 * test compares; what is unknown is `null`, and a field that an older agent does not have is absent.
 */

export type Severity = "low" | "medium" | "high" | "critical";
export type FindingState = "open" | "updated" | "resolved";
type Maybe<T> = T | null | undefined;

export interface Evidence {
  name: string;
  value: number;
  says: string;
  text: string;
}

export interface Forecast {
  limit: string;
  limit_value: number;
  at: string;
  interval: [string, string | null];
}

export interface Believed {
  hypothesis: string;
  is_leak: boolean;
  probability: number;
}

export interface LimitUse {
  limit: string;
  limit_value: number;
  used: number;
}

export interface EarlierRun {
  started: string;
  uptime_seconds: number;
  state: string;
  level: number | null;
  rate_per_min: number | null;
}

export interface Runs {
  grew_alike: number;
  grew_since: string | null;
  siblings: number;
  earlier: EarlierRun[];
}

export interface Finding {
  ts: string;
  id: string;
  rule: string;
  state: FindingState;
  severity: Severity;
  verdict: string;
  pid: number | null;
  start_time: string | null;
  comm: string | null;
  component: string | null;
  resource: string;
  rate_per_min: number | null;
  rate_unit: string | null;
  rate_interval: [number, number] | null;
  confidence: number | null;
  e_value_log10: number | null;
  rival: { hypothesis: string; probability: number; decided_by: string } | null;
  since: string;
  forecast: Forecast | null;
  evidence: Evidence[];
  explanations: Believed[];
  limits: LimitUse[];
  runs: Runs | null;
  recommendation: string;
}

/** A process or a component: figures by name, of which the page shows those it knows. */
export interface Row {
  [field: string]: unknown;
}

export interface Snapshot extends Row {
  pid: number;
  comm: string;
}

export interface Trend {
  resource: string;
  unit: string;
  direction: "rising" | "falling" | "steady";
  first: number;
  last: number;
  ratePerMin: number;
  rateInterval: [number, number];
  overSeconds: number;
}

export interface Stall {
  avg10: number;
  avg60: number;
}

export interface Pressures {
  memory: Maybe<{ some: Stall; full: Stall | null }>;
  cpu: Maybe<{ some: Stall; full: Stall | null }>;
  io: Maybe<{ some: Stall; full: Stall | null }>;
}

export interface HostSnapshot {
  ts: string;
  mem_total_bytes: number;
  mem_available_bytes: number;
  swap_total_bytes: number;
  swap_free_bytes: number;
  memory: Record<string, number>;
  unowned: Record<string, number>;
  processes: number;
  zombies: number;
  threads: number;
  tracked_descriptors: number;
  sockets: number;
  timers: number;
  cpu_percent: number | null;
  pressure: Pressures;
}

export interface Stats {
  ts: string;
  events_seen: number;
  events_lost: number;
  lost_by_family: Record<string, number>;
  processes: number;
  agent_rss_anon_bytes: number | null;
  agent_kernel_bytes: number | null;
  agent_cpu_percent: number | null;
  reading_cpu_percent: number | null;
  [figure: string]: unknown;
}

export interface Status {
  version: string;
  since: string;
  uptime: number;
  processes: number;
  openFindings: number;
  complete: boolean;
  stats: Stats | null;
}

export interface HostAnswer {
  timestamp: string;
  host: HostSnapshot | null;
  stats: Stats | null;
}

export interface ProcessesAnswer {
  timestamp: string;
  processes: Snapshot[];
  total: number;
}

export interface ProcessAnswer {
  timestamp: string;
  process: Snapshot;
  trends: Trend[];
  findings: Finding[];
}

export interface ComponentsAnswer {
  timestamp: string;
  components: Row[];
}

export interface FindingsAnswer {
  timestamp: string;
  findings: Finding[];
}

export interface Rule {
  name: string;
  description: string;
  condition: string;
  holdSeconds: number;
}

export interface HistoryAnswer {
  timestamp: string;
  stepSeconds: number;
  columns: string[];
  rows: (number | null)[][];
}
