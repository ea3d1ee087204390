// The climate of a room in which things are kept.
import { numberOrNull, text } from "./attributes";
import { get, list } from "./client";
import type { components } from "./schema";

type Attributes = components["schemas"]["ClimateDocument"]["data"]["attributes"];
type BandAttributes = components["schemas"]["ClimateBand"]["attributes"];

export const CLIMATE_KINDS = ["too_dry", "too_humid", "too_cold", "too_warm", "unsteady"] as const;
export type ClimateKind = (typeof CLIMATE_KINDS)[number];

/** What of the climate is °C; the rest is % relative humidity. */
export const isTemperature = (kind: ClimateKind): boolean => kind === "too_cold" || kind === "too_warm";

export interface Bounds {
  low: number;
  high: number;
}

export interface ClimateBand {
  id: string;
  name: BandAttributes["name"];
  source: string;
  humidity: Bounds;
  temperature: Bounds;
  /** % relative humidity from the mean of 24 hours. */
  swing: number;
}

export interface Climate {
  band: ClimateBand;
  outcome: NonNullable<Attributes["outcome"]>;
  hours: number;
  known: number;
  inside: number;
  /** With the value farthest outside, °C or %; those of which there are most hours first. */
  outside: { kind: ClimateKind; hours: number; extreme: number }[];
  temperature: { low: number; mean: number; high: number } | null;
  humidity: { low: number; mean: number; high: number } | null;
  /** The newest first. */
  exceedances: { kind: ClimateKind; from: number; to: number; extreme: number }[];
  months: number;
  monthsNeeded: number;
  knownPercent: number;
  historyEnough: boolean;
  from: number;
  to: number;
  timeZone: string | null;
}

function toBand(id: string, a: Partial<BandAttributes>): ClimateBand {
  return {
    id,
    name: a.name ?? { de: id, en: id },
    source: text(a.source),
    humidity: { low: numberOrNull(a.low_percent) ?? 0, high: numberOrNull(a.high_percent) ?? 100 },
    temperature: { low: numberOrNull(a.low_celsius) ?? 0, high: numberOrNull(a.high_celsius) ?? 0 },
    swing: numberOrNull(a.swing_percent) ?? 0,
  };
}

function toSeen(seen: Attributes["temperature_celsius"]): Climate["temperature"] {
  return seen ? { low: seen.low, mean: seen.mean, high: seen.high } : null;
}

/** Of the thirty days up to the midnight before now; null where nobody chose a band. */
export async function fetchClimate(roomId: string, signal?: AbortSignal): Promise<Climate | null> {
  const { data } = await get(`rooms/${encodeURIComponent(roomId)}/climate/`, {}, signal);
  const a = data.attributes as Partial<Attributes>;
  const band = text(a.band);
  if (!band) return null;
  const exceedances = (a.exceedances ?? []).map((one) => ({
    kind: one.kind,
    from: one.from_timestamp_s,
    to: one.to_timestamp_s,
    extreme: one.extreme,
  }));
  const outside = CLIMATE_KINDS.flatMap((kind) => {
    const values = exceedances.filter((one) => one.kind === kind).map((one) => one.extreme);
    if (!values.length) return [];
    const lowest = kind === "too_dry" || kind === "too_cold";
    const extreme = lowest ? Math.min(...values) : Math.max(...values);
    return [{ kind, hours: numberOrNull(a.outside_hour_counts?.[kind]) ?? 0, extreme }];
  });
  return {
    band: toBand(band, a),
    outcome: a.outcome ?? "not_judged",
    hours: numberOrNull(a.hour_count) ?? 0,
    known: numberOrNull(a.known_hour_count) ?? 0,
    inside: numberOrNull(a.inside_hour_count) ?? 0,
    outside: outside.sort((one, other) => other.hours - one.hours),
    temperature: toSeen(a.temperature_celsius ?? null),
    humidity: toSeen(a.rel_humidity_percent ?? null),
    exceedances: exceedances.reverse(),
    months: numberOrNull(a.history?.month_count) ?? 0,
    monthsNeeded: numberOrNull(a.history?.needed_month_count) ?? 0,
    knownPercent: numberOrNull(a.history?.known_percent) ?? 0,
    historyEnough: a.history?.enough === true,
    from: numberOrNull(a.from_timestamp_s) ?? 0,
    to: numberOrNull(a.to_timestamp_s) ?? 0,
    timeZone: text(a.time_zone) || null,
  };
}

/** The bands by which the climate can be judged. */
export async function fetchBands(signal?: AbortSignal): Promise<ClimateBand[]> {
  return (await list("climate-bands/", {}, signal)).data.map((one) =>
    toBand(one.id, one.attributes as unknown as BandAttributes),
  );
}
