// How the air of a room was changed.
import { numberOrNull, text } from "./attributes";
import { get } from "./client";
import type { components } from "./schema";

type Attributes = components["schemas"]["VentilationDocument"]["data"]["attributes"];

/** What is usual: air changes an hour, with the interval of 95 %, and what that is in m³. */
export interface Flow {
  perHour: number;
  low: number;
  high: number;
  count: number;
  m3: number | null;
  m3Each: number | null;
}

export interface Airing {
  from: number;
  to: number;
  fromPpm: number;
  toPpm: number;
}

export interface AiredDay {
  /** By the calendar of the site. */
  date: string;
  measuredS: number;
  airings: number;
  latest: number | null;
  maxPpm: number | null;
}

export const WHYS = ["bent", "short", "too_few_points", "vague", "too_fast"] as const;

export interface Ventilation {
  background: number | null;
  volume: number | null;
  people: number | null;
  /** Seconds until half of the used air is out. */
  halving: number | null;
  closed: Flow | null;
  airing: Flow | null;
  /** In the worst hour, and while people were there: of so many breaths one was breathed before. */
  worst: { from: number; oneIn: number } | null;
  occupiedOneIn: number | null;
  /** From so many ppm above the background on, airings can be told. */
  drop: number;
  days: AiredDay[];
  /** The newest first. */
  airings: Airing[];
  abstained: { why: (typeof WHYS)[number]; n: number }[];
  timeZone: string | null;
}

function toFlow(flow: Attributes["closed_windows"] | undefined): Flow | null {
  const perHour = numberOrNull(flow?.per_hour);
  if (!flow || perHour === null) return null;
  return {
    perHour,
    low: numberOrNull(flow.low_per_hour) ?? 0,
    high: numberOrNull(flow.high_per_hour) ?? 0,
    count: numberOrNull(flow.rate_count) ?? 0,
    m3: numberOrNull(flow.m3_per_hour),
    m3Each: numberOrNull(flow.m3_per_hour_per_person),
  };
}

/** Of the thirty days up to the midnight before now. */
export async function fetchVentilation(roomId: string, signal?: AbortSignal): Promise<Ventilation> {
  const { data } = await get(`rooms/${encodeURIComponent(roomId)}/ventilation/`, {}, signal);
  const a = data.attributes as Partial<Attributes>;
  const worst = numberOrNull(a.worst_hour?.one_breath_in);
  return {
    background: numberOrNull(a.background_ppm),
    volume: numberOrNull(a.volume_m3),
    people: numberOrNull(a.people),
    halving: numberOrNull(a.halving_s),
    closed: toFlow(a.closed_windows),
    airing: toFlow(a.airing),
    worst: worst === null ? null : { from: numberOrNull(a.worst_hour?.from_timestamp_s) ?? 0, oneIn: worst },
    occupiedOneIn: numberOrNull(a.occupied?.one_breath_in),
    drop: numberOrNull(a.airing_drop_ppm) ?? 0,
    days: (a.days ?? []).map((day) => ({
      date: text(day.date),
      measuredS: numberOrNull(day.measured_s) ?? 0,
      airings: numberOrNull(day.airing_count) ?? 0,
      latest: numberOrNull(day.latest_airing_timestamp_s),
      maxPpm: numberOrNull(day.max_co2_ppm),
    })),
    airings: (a.airings ?? [])
      .map((one) => ({
        from: numberOrNull(one.from_timestamp_s) ?? 0,
        to: numberOrNull(one.to_timestamp_s) ?? 0,
        fromPpm: numberOrNull(one.from_co2_ppm) ?? 0,
        toPpm: numberOrNull(one.to_co2_ppm) ?? 0,
      }))
      .reverse(),
    abstained: WHYS.map((why) => ({ why, n: numberOrNull(a.abstained?.[why]) ?? 0 })).filter(
      (one) => one.n > 0,
    ),
    timeZone: text(a.time_zone) || null,
  };
}
