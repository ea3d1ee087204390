// When people are in rooms.
import { attributes, numberOrNull, text } from "./attributes";
import { get, list, type Resource, update } from "./client";

/** Days of a week, as the API calls them. */
export const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"] as const;
export type Day = (typeof DAYS)[number];

/** A time by the clocks of the site; one that does not end after it begins ends on the next day. */
export interface Hours {
  from: string;
  to: string;
}
export type Week = Record<Day, Hours[]>;

/** Days that are not as the week has them, the last one included; without hours they are closed. */
export interface Exception {
  from: string;
  to: string;
  name: string;
  hours: Hours[];
}

export interface Calendar {
  url: string;
  /** How many free days there are from today on. */
  days: { from: string; to: string; name: string }[];
  leftOut: number;
  readAt: number | null;
  failure: string;
}

export interface Timetable {
  /** null: nothing is said. */
  week: Week | null;
  exceptions: Exception[];
  region: string;
  calendar: Calendar;
  /** From which day on past days wait to be decided anew; "": none does. */
  recomputingFrom: string;
}

export interface Holder {
  kind: "site" | "room";
  id: string;
}

export const emptyWeek = (): Week => ({ Mo: [], Tu: [], We: [], Th: [], Fr: [], Sa: [], Su: [] });

function toHours(value: unknown): Hours[] {
  if (!Array.isArray(value)) return [];
  return (value as Record<string, unknown>[]).map(({ from, to }) => ({
    from: text(from),
    to: text(to),
  }));
}

/** Who ends at 00:00 means the end of the day: from midnight to midnight is all of it. */
const fromHours = (hours: Hours[]) =>
  hours.map(({ from, to }) => ({ from, to: to === "00:00" ? "24:00" : to }));

function toWeek(value: unknown): Week | null {
  if (!value || typeof value !== "object") return null;
  const raw = value as Record<string, unknown>;
  const week = emptyWeek();
  for (const day of DAYS) week[day] = toHours(raw[day]);
  return week;
}

function toRanges(value: unknown): { from: string; to: string; name: string; hours: Hours[] }[] {
  if (!Array.isArray(value)) return [];
  return (value as Record<string, unknown>[]).map((one) => ({
    from: text(one.from_date),
    to: text(one.to_date),
    name: text(one.name),
    hours: toHours(one.hours),
  }));
}

export function toTimetable(resource: Resource): Timetable {
  const a = attributes<"Timetable">(resource);
  return {
    week: toWeek(a.weekly),
    exceptions: toRanges(a.exceptions),
    region: text(a.holiday_region),
    calendar: {
      url: text(a.calendar_url),
      days: toRanges(a.calendar_days),
      leftOut: numberOrNull(a.calendar_left_out) ?? 0,
      readAt: numberOrNull(a.calendar_read_at_s),
      failure: text(a.calendar_failure),
    },
    recomputingFrom: text(a.recomputing_from),
  };
}

const path = ({ kind, id }: Holder) => `${kind}s/${encodeURIComponent(id)}/timetable/`;

export async function fetchTimetable(holder: Holder, signal?: AbortSignal): Promise<Timetable> {
  return toTimetable((await get(path(holder), {}, signal)).data);
}

/** What is to be changed; what is not given stays. */
export interface TimetableDraft {
  week?: Week | null;
  exceptions?: Exception[];
  region?: string;
  calendarUrl?: string;
  /** The text of a calendar in place of the one before; "" takes that away. */
  calendar?: string;
  /** The day from which on the past is decided anew. */
  recomputeFrom?: string;
}

export function written(draft: TimetableDraft): Record<string, unknown> {
  const { week, exceptions, region, calendarUrl, calendar, recomputeFrom } = draft;
  const all = {
    weekly: week && Object.fromEntries(DAYS.map((day) => [day, fromHours(week[day])])),
    exceptions: exceptions?.map((one) => ({
      from_date: one.from,
      // One day is written once.
      to_date: one.to || one.from,
      name: one.name,
      hours: fromHours(one.hours),
    })),
    holiday_region: region,
    calendar_url: calendarUrl,
    calendar,
    recompute_from: recomputeFrom || undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export async function updateTimetable(holder: Holder, draft: TimetableDraft): Promise<Timetable> {
  const attributes = written(draft);
  return toTimetable(
    (await update(path(holder), "Timetable", `${holder.kind}-${holder.id}`, { attributes })).data,
  );
}

export type How = "timetable" | "exception" | "holiday" | "inferred" | "unknown";

export interface OccupiedDay {
  date: string;
  how: How;
  name: string;
  spans: { from: number; to: number }[];
  /** Else it is the plan. */
  decided: boolean;
}

function toDay(resource: Resource): OccupiedDay {
  const a = attributes<"OccupiedDay">(resource);
  const spans = Array.isArray(a.spans) ? (a.spans as Record<string, unknown>[]) : [];
  return {
    date: text(a.date),
    how: text(a.how) as How,
    name: text(a.name),
    spans: spans.map((one) => ({
      from: numberOrNull(one.from_timestamp_s) ?? 0,
      to: numberOrNull(one.to_timestamp_s) ?? 0,
    })),
    decided: numberOrNull(a.decided_at_s) !== null,
  };
}

export async function fetchOccupiedDays(
  room: string,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<OccupiedDay[]> {
  const query = { "filter[from]": from, "filter[to]": to };
  return (await list(`rooms/${encodeURIComponent(room)}/occupied-days/`, query, signal)).data.map(toDay);
}

export interface Region {
  id: string;
  country: string;
  /** Empty for a whole country. */
  name: string;
}

export async function fetchRegions(signal?: AbortSignal): Promise<Region[]> {
  return (await list("holiday-regions/", {}, signal)).data.map((resource) => {
    const a = attributes<"HolidayRegion">(resource);
    return { id: resource.id, country: text(a.country), name: text(a.name) };
  });
}
