// Samples, and the series of an installation.
import type { Sample } from "../air";
import { numberOrNull } from "./attributes";
import { get } from "./client";

export function toSample(value: unknown): Sample | null {
  if (!value || typeof value !== "object") return null;
  const raw = value as Record<string, unknown>;
  const time = numberOrNull(raw.timestamp_s);
  const co2 = numberOrNull(raw.co2_ppm);
  if (time === null || co2 === null) return null;
  return {
    time,
    co2,
    temperature: numberOrNull(raw.temperature_celsius),
    humidity: numberOrNull(raw.rel_humidity_percent),
    ...(raw.measurement_status === "E" && { faulty: true }),
  };
}

export interface SeriesQuery {
  from: number;
  to: number;
  /** At most so many points, chosen so that the picture stays the same. */
  maxPoints?: number;
}

export async function fetchSeries(
  installationId: string,
  query: SeriesQuery,
  signal?: AbortSignal,
): Promise<Sample[]> {
  const { data } = await get(
    `installations/${encodeURIComponent(installationId)}/timeseries/`,
    { "filter[from]": query.from, "filter[to]": query.to, max_points: query.maxPoints },
    signal,
  );
  // Nothing is known of the air while the sensor is at fault.
  return samplesOf(data.attributes.samples).filter((sample) => !sample.faulty);
}

export function samplesOf(value: unknown): Sample[] {
  if (!Array.isArray(value)) return [];
  return value.map(toSample).filter((sample) => sample !== null);
}
