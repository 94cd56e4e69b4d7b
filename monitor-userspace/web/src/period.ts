/** How far back a history goes, as it is chosen. Pure. */

/** The longest time that can be asked for, a year: whatever is kept. */
const ALL_MINUTES = 527_040;

export const PERIODS: Record<string, number> = { "1 h": 60, "6 h": 360, "24 h": 1440, "7 d": 10_080, all: ALL_MINUTES };

export function minutesOf(period: string): number {
  return PERIODS[period] ?? 60;
}

/** The one that an address asks for. */
export function periodOf(query: URLSearchParams): string {
  const minutes = Number(query.get("minutes") ?? 60);
  return Object.keys(PERIODS).find((it) => PERIODS[it] === minutes) ?? "1 h";
}
