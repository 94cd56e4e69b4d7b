/** Figures as a person reads them, in the words of the command line. Pure. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const YEAR = 31_536_000;

/** What stands for a figure that is unknown. */
export const UNKNOWN = "–";

export function bytes(value: number | null | undefined): string {
  if (!isNumber(value)) return UNKNOWN;
  let scaled = value;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (Math.abs(scaled) < 1024) return `${scaled.toFixed(unit === "B" ? 0 : 1)} ${unit}`;
    scaled /= 1024;
  }
  return `${scaled.toFixed(1)} TiB`;
}

/** A number with thin separators between its thousands. */
export function count(value: number | null | undefined): string {
  if (!isNumber(value)) return UNKNOWN;
  const whole = Math.abs(value % 1) < 0.05;
  const [digits = "", rest] = (whole ? value.toFixed(0) : value.toFixed(1)).split(".");
  const grouped = digits.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? grouped : `${grouped}.${rest}`;
}

export function percent(value: number | null | undefined): string {
  return isNumber(value) ? `${value.toFixed(1)} %` : UNKNOWN;
}

/** A probability; what rounds to none or all says so without claiming it. */
export function share(value: number | null | undefined): string {
  if (!isNumber(value)) return UNKNOWN;
  if (value > 0 && value < 0.005) return "< 1 %";
  if (value < 1 && value >= 0.995) return "> 99 %";
  return `${(value * 100).toFixed(0)} %`;
}

/** An amount in `bytes`, `percent` or things counted. */
export function amount(value: number | null | undefined, unit: string | null | undefined): string {
  if (unit === "bytes") return bytes(value);
  return unit === "percent" ? percent(value) : count(value);
}

export function rate(perMinute: number | null | undefined, unit: string | null | undefined): string {
  return isNumber(perMinute) ? `${amount(perMinute, unit)}/min` : UNKNOWN;
}

/** A span of time in the unit that suits it. */
export function span(seconds: number | null | undefined): string {
  if (!isNumber(seconds)) return UNKNOWN;
  const s = Math.max(0, seconds);
  if (s < 5 * MINUTE) return `${s.toFixed(0)} s`;
  if (s < 2 * HOUR) return `${(s / MINUTE).toFixed(0)} min`;
  if (s < 2 * DAY) return `${(s / HOUR).toFixed(0)} h`;
  if (s < 2 * YEAR) return `${(s / DAY).toFixed(0)} d`;
  return `${(s / YEAR).toFixed(0)} years`;
}

/** Milliseconds since 1970 of an RFC 3339 time; `null` of what is none. */
export function moment(text: unknown): number | null {
  if (typeof text !== "string") return null;
  // More than three digits of a second are no part of what Date promises to read.
  const ms = Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(ms) ? null : ms;
}

/** How long ago a time was. */
export function ago(text: unknown, nowMs: number): string {
  const at = moment(text);
  if (at === null) return UNKNOWN;
  const seconds = (nowMs - at) / 1000;
  return seconds < 1 ? "now" : `${span(seconds)} ago`;
}

/** In how long a time will be. */
export function ahead(text: unknown, nowMs: number): string {
  const at = moment(text);
  if (at === null) return UNKNOWN;
  return at <= nowMs ? "now" : `in ${span((at - nowMs) / 1000)}`;
}

/** A time of this browser's clock, to the second, with its day where it is another. */
export function clock(text: unknown, nowMs: number): string {
  const at = moment(text);
  if (at === null) return UNKNOWN;
  const two = (value: number) => String(value).padStart(2, "0");
  const time = new Date(at);
  const hours = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const today = new Date(nowMs).toDateString() === time.toDateString();
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return today ? hours : `${day} ${hours}`;
}

/**
 * Text of a process with what could mislead made visible: control characters, and marks that turn the
 * direction of what follows or are seen as nothing.
 */
export function plain(text: unknown): string {
  if (typeof text !== "string") return "";
  // eslint-disable-next-line no-control-regex
  const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  return text.replace(unseen, (mark) => {
    if (mark === "\n") return "\\n";
    if (mark === "\t") return "\\t";
    return `\\u{${mark.codePointAt(0)?.toString(16) ?? ""}}`;
  });
}

/** The name of a group; of a container's id the beginning, as container tools show it. */
export function group(name: unknown): string {
  const text = plain(name);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}

export function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
