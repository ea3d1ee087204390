// Samples, and the series of an installation.
import type { Sample } from "../air";
import { numberOrNull } from "./attributes";
import { ApiError, apiUrl, get, request, type Query } from "./client";

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

/** What a sensor measured in a stretch of time, in exact figures, however many samples that were. */
export interface Range {
  mean: number;
  min: number;
  max: number;
  count: number;
  /** Of a day: the seconds of the hours of which something is known. */
  known?: number;
}

export interface Bucket {
  /** Its begin. */
  time: number;
  co2: Range | null;
  temperature: Range | null;
  humidity: Range | null;
}

/** The stretches that the server knows sums, minima and maxima of; days are those of UTC. */
export const RESOLUTIONS = { 600: "10m", 3600: "1h", 86_400: "1d" } as const;

function toBucket(value: unknown): Bucket | null {
  const raw = value as Record<string, unknown>;
  const time = numberOrNull(raw.timestamp_s);
  // Of samples with CO2, which all have; some may be without one of the others.
  const count = numberOrNull(raw.sample_count);
  if (time === null || count === null) return null;
  const range = (name: string): Range | null => {
    const [mean, min, max] = [name, `${name}_min`, `${name}_max`].map((one) => numberOrNull(raw[one]));
    if (mean == null || min == null || max == null) return null;
    const known = numberOrNull(raw[`${name}_known_s`]);
    return { mean, min, max, count, ...(known !== null && { known }) };
  };
  return {
    time,
    co2: range("co2_ppm"),
    temperature: range("temperature_celsius"),
    humidity: range("rel_humidity_percent"),
  };
}

export async function fetchBuckets(
  installationId: string,
  query: { from: number; to: number; step: keyof typeof RESOLUTIONS },
  signal?: AbortSignal,
): Promise<Bucket[]> {
  const { data } = await get(
    `installations/${encodeURIComponent(installationId)}/timeseries/`,
    { "filter[from]": query.from, "filter[to]": query.to, resolution: RESOLUTIONS[query.step] },
    signal,
  );
  const all = Array.isArray(data.attributes.samples) ? (data.attributes.samples as unknown[]) : [];
  return all.map(toBucket).filter((bucket) => bucket !== null);
}

export function samplesOf(value: unknown): Sample[] {
  if (!Array.isArray(value)) return [];
  return value.map(toSample).filter((sample) => sample !== null);
}

/** The kinds of files that tables are. */
export const TABLE_FILES = ["xlsx", "csv", "parquet"] as const;
export type TableFile = (typeof TABLE_FILES)[number];

/** What is wanted of a table of measurements; no bound is as far as there are any. */
export interface TableQuery {
  from: number | null;
  to: number | null;
  resolution: string;
  file: TableFile;
  /** Whom CSV is for, and in which language it or a workbook is. */
  for: string;
  lang: string;
  /** A sheet of a workbook for each room, or one. */
  sheets: "rooms" | "one";
}

/** What a table is of. */
export type TableKind = "organization" | "room" | "site";

const tablePath = (kind: TableKind, id: string, file: TableFile) =>
  `${kind}s/${encodeURIComponent(id)}/timeseries.${file}/`;
const tableQuery = ({ from, to, resolution, file, for: reader, lang, sheets }: TableQuery): Query => ({
  "filter[from]": from,
  "filter[to]": to,
  resolution,
  ...(file === "csv" && { for: reader }),
  ...(file !== "parquet" && { lang }),
  ...(file === "xlsx" && sheets === "one" && { sheets }),
});

/** Where the table is, as a file. */
export function tableUrl(kind: TableKind, id: string, query: TableQuery): string {
  return apiUrl(tablePath(kind, id, query.file), tableQuery(query));
}

/** Asks whether there would be such a table: what is wrong with a file that is being saved, nobody reads. */
export async function checkTable(kind: TableKind, id: string, query: TableQuery): Promise<void> {
  const options = { query: tableQuery(query) };
  try {
    await request("HEAD", tablePath(kind, id, query.file), options);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 400)) throw error;
    // Only a body says what is wrong. By now there may be a table.
    await request("GET", tablePath(kind, id, query.file), { ...options, unread: true });
  }
}
