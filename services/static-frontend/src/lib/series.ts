// Series as a chart wants them. Pure functions.
import type { Installation } from "./api/installations";
import { GAP_S, type Sample } from "./air";

export type Quantity = "co2" | "temperature" | "humidity";
export type Span = "day" | "week" | "month" | "year";

export const SPAN_S: Record<Span, number> = {
  day: 86_400,
  week: 7 * 86_400,
  month: 31 * 86_400,
  year: 366 * 86_400,
};

/** Times and one column per lane, for uPlot: null is a gap, undefined a time of another lane. */
export type Columns = [number[], ...(number | null | undefined)[][]];

/**
 * Installations that follow one another share a lane, those at the same time stand in lanes of their
 * own, so that two sensors in one room do not become one zigzag line.
 */
export function lanesOf(installations: readonly Installation[]): Installation[][] {
  const lanes: Installation[][] = [];
  for (const installation of [...installations].sort((a, b) => a.from - b.from)) {
    const free = lanes.find((lane) => (lane.at(-1)!.to ?? Infinity) <= installation.from);
    if (free) free.push(installation);
    else lanes.push([installation]);
  }
  return lanes;
}

/** The span without measurement that breaks the line, wider where a series was thinned out. */
export function gapFor(samples: readonly Sample[]): number {
  if (samples.length < 3) return GAP_S;
  const steps: number[] = [];
  for (let i = 1; i < samples.length; i++) steps.push(samples[i]!.time - samples[i - 1]!.time);
  steps.sort((a, b) => a - b);
  return Math.max(GAP_S, 6 * steps[Math.floor((steps.length - 1) / 2)]!);
}

function withGaps(samples: readonly Sample[], quantity: Quantity): [number[], (number | null)[]] {
  const gap = gapFor(samples);
  const times: number[] = [];
  const values: (number | null)[] = [];
  let last = Infinity;
  for (const sample of samples) {
    if (sample.time - last > gap) {
      times.push(last + 1);
      values.push(null);
    }
    times.push(sample.time);
    values.push(sample[quantity]);
    last = sample.time;
  }
  return [times, values];
}

export function columnsOf(lanes: readonly (readonly Sample[])[], quantity: Quantity): Columns {
  const tables = lanes.map((samples) => withGaps(samples, quantity));
  const [first] = tables;
  if (tables.length <= 1) return [first?.[0] ?? [], first?.[1] ?? []];
  const times = [...new Set(tables.flatMap(([own]) => own))].sort((a, b) => a - b);
  const columns = tables.map(([own, values]) => {
    const byTime = new Map(own.map((time, index) => [time, values[index]!]));
    return times.map((time) => (byTime.has(time) ? byTime.get(time) : undefined));
  });
  return [times, ...columns];
}

export interface Summary {
  count: number;
  min: number;
  max: number;
  mean: number;
}

export function summaryOf(
  samples: readonly Sample[],
  quantity: Quantity,
  from: number,
  to: number,
): Summary | null {
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (const sample of samples) {
    const value = sample[quantity];
    if (value === null || sample.time < from || sample.time > to) continue;
    count++;
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return count === 0 ? null : { count, min, max, mean: sum / count };
}

export interface Bucket extends Summary {
  from: number;
}

/** At most about so many rows of equal length, for the table beside the chart. */
export function bucketsOf(
  samples: readonly Sample[],
  quantity: Quantity,
  from: number,
  to: number,
  rows = 24,
): Bucket[] {
  const step = Math.max(300, Math.ceil((to - from) / rows / 300) * 300);
  const buckets: Bucket[] = [];
  for (let start = from; start < to; start += step) {
    const summary = summaryOf(samples, quantity, start, Math.min(to, start + step) - 1);
    if (summary) buckets.push({ from: start, ...summary });
  }
  return buckets;
}

/** CSV as spreadsheets read it: a header, ISO 8601 times in UTC, decimal points. */
export function csvOf(lanes: readonly { label: string; samples: readonly Sample[] }[]): string {
  const lines = ["sensor,time,timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent"];
  for (const { label, samples } of lanes) {
    // A leading = + - @ would be run as a formula by spreadsheets.
    const name = `"${label.replace(/^([=+\-@\t\r])/, "'$1").replaceAll('"', '""')}"`;
    for (const { time, co2, temperature, humidity } of samples) {
      const iso = new Date(time * 1000).toISOString().replace(".000", "");
      lines.push([name, iso, time, co2, temperature ?? "", humidity ?? ""].join(","));
    }
  }
  return lines.join("\r\n") + "\r\n";
}
