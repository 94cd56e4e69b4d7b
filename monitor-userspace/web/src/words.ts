/** Findings in words, as the command line says them. Pure. */

import { amount, group, isNumber, plain, rate, share, span, moment } from "./format";
import type { Evidence, Finding, Severity } from "./types";

/** The worst first. */
export const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low"];

const HYPOTHESES: Record<string, string> = {
  steady_leak: "a steady leak",
  load_leak: "a leak with each piece of work",
  jump_leak: "a leak in jumps",
  accelerating_leak: "a leak that speeds up",
  noise: "chance",
  settling: "warming up",
  steps: "steps that end",
  load: "load",
  periodic: "a period",
  fill: "a fill to its bound",
};

export function hypothesis(name: string): string {
  return HYPOTHESES[name] ?? plain(name).replaceAll("_", " ");
}

/** What a finding is taken for. */
export function verdict(finding: Finding): string {
  return plain(finding.verdict).replaceAll("_", " ");
}

/** Whom a finding is about. */
export function whose(finding: Finding): string {
  if (isNumber(finding.pid)) return `${plain(finding.comm)} (pid ${finding.pid})`;
  return finding.component ? group(finding.component) : "this host";
}

function grows(resource: string): string {
  const many = resource.endsWith("s") || resource === "children" || resource.startsWith("sockets ");
  return many ? "grow" : "grows";
}

/** What is so, in one sentence. */
export function whatHappens(finding: Finding): string {
  const resource = plain(finding.resource);
  if (!isNumber(finding.rate_per_min)) {
    const texts = finding.evidence.map((it) => plain(it.text)).join(", ");
    return texts ? `${resource}: ${texts}` : resource;
  }
  const unit = finding.rate_unit;
  const interval = finding.rate_interval;
  const range = interval
    ? ` (95 %: ${amount(interval[0], unit)} to ${amount(interval[1], unit)})`
    : "";
  return `${resource} ${grows(resource)} by ${rate(finding.rate_per_min, unit)}${range}`;
}

/** How sure it is, and what else it may be; `null` where that is not the question. */
export function sureness(finding: Finding): string | null {
  if (!isNumber(finding.confidence)) return null;
  const leak = `a leak at ${share(finding.confidence)}`;
  const rival = finding.rival;
  if (!rival || rival.probability < 0.005) return leak;
  return `${leak}, else ${hypothesis(rival.hypothesis)} (${share(rival.probability)})`;
}

/** Which limit is reached when; `null` where none is in sight. */
export function forecast(finding: Finding): string | null {
  const told = finding.forecast;
  const from = moment(finding.ts);
  if (!told || from === null) return null;
  const after = (at: string) => span(((moment(at) ?? from) - from) / 1000);
  const [early, late] = told.interval;
  const range = late === null ? `${after(early)} or later` : `${after(early)} to ${after(late)}`;
  return `${plain(told.limit)} is reached in ${after(told.at)} (${range})`;
}

/** The sentence of a finding. */
export function sentence(finding: Finding): string {
  if (finding.state === "resolved") return `${plain(finding.resource)}: ${ended(finding)}`;
  return [whatHappens(finding), sureness(finding), forecast(finding)].filter(Boolean).join("; ");
}

/** How a finding ended. */
export function ended(finding: Finding): string {
  if (finding.evidence.some((it) => it.name === "unwatched")) return "its agent ended, how it went on is not known";
  if (finding.verdict === "stopped") return "growth stopped";
  if (finding.verdict === "threshold") return "no longer so";
  if (finding.evidence.some((it) => it.name === "explained")) {
    return "findings about what is within say it now";
  }
  return isNumber(finding.pid) ? "the process ended" : "its processes ended";
}

const SPEAKS_FOR = new Set(["leak", "growth", "threshold"]);
const SPEAKS_ABOUT = new Set(["process"]);

/** What evidence speaks for: the finding, something else, or neither. */
export function side(evidence: Evidence): "for" | "against" | "about" {
  if (SPEAKS_FOR.has(evidence.says)) return "for";
  return SPEAKS_ABOUT.has(evidence.says) ? "about" : "against";
}

/** The worst first: by severity, then by confidence, then by id, as the agent sorts them. */
export function worse(one: Finding, other: Finding): number {
  const by = SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity);
  if (by !== 0) return by;
  const sure = (other.confidence ?? 0) - (one.confidence ?? 0);
  return sure !== 0 ? sure : one.id < other.id ? -1 : Number(one.id > other.id);
}

/** The findings with one more, which takes the place of an older one of its id. */
export function merged(findings: readonly Finding[], news: Finding): Finding[] {
  return [...findings.filter((it) => it.id !== news.id), news].sort(worse);
}
