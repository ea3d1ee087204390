// Months as spans of days that are of no place: "2026-11-01" to "2026-11-30".
import { toWallTime } from "./walltime";

export interface Days {
  from: string;
  /** The last day. */
  to: string;
}

function month(year: number, index: number): Days {
  const day = (date: Date) => date.toISOString().slice(0, 10);
  return { from: day(new Date(Date.UTC(year, index, 1))), to: day(new Date(Date.UTC(year, index + 1, 0))) };
}

/** The last months that are over where the clocks show timeZone, the newest first. */
export function lastMonths(unixS: number, timeZone: string, count = 12): Days[] {
  const [year, now] = toWallTime(unixS, timeZone).split("-").map(Number) as [number, number];
  return Array.from({ length: count }, (_, ago) => month(year, now - 2 - ago));
}

/** Whether these days are one whole month. */
export function monthOf({ from, to }: Days): boolean {
  const [year, index] = from.split("-").map(Number) as [number, number];
  const whole = month(year, index - 1);
  return whole.from === from && whole.to === to;
}
