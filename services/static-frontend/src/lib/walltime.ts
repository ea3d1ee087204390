// Times as clocks on a wall show them, for fields of forms.
import {
  fromAbsolute,
  parseDateTime,
  toCalendarDate,
  toCalendarDateTime,
  toZoned,
} from "@internationalized/date";

/** The minute that a clock in the zone shows, as fields for a minute have it. */
export function toWallTime(unixS: number, timeZone: string): string {
  return toCalendarDateTime(fromAbsolute(unixS * 1000, timeZone))
    .toString()
    .slice(0, 16);
}

/** The time at which a clock in the zone shows that; null for what is no time. */
export function fromWallTime(text: string, timeZone: string): number | null {
  try {
    return Math.floor(toZoned(parseDateTime(text), timeZone).toDate().getTime() / 1000);
  } catch {
    return null;
  }
}

/** The day before that of the moment, by the calendar of the zone: 2026-11-29. */
export const dayBefore = (unixS: number, timeZone: string): string =>
  toCalendarDate(fromAbsolute(unixS * 1000, timeZone))
    .subtract({ days: 1 })
    .toString();
