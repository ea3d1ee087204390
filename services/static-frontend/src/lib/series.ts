// Series as a chart wants them. Pure functions.
import { fromAbsolute } from "@internationalized/date";
import { GAP_S, type Sample } from "./air";
import type { Installation } from "./api/installations";
import type { Bucket, Range, RESOLUTIONS } from "./api/samples";

export type Quantity = "co2" | "temperature" | "humidity";
export type Span = "day" | "week" | "month" | "year";

export const SPAN_S: Record<Span, number> = {
  day: 86_400,
  week: 7 * 86_400,
  month: 31 * 86_400,
  year: 366 * 86_400,
};

/** The stretch of time that a chart shows; one that follows ends now. */
export interface Window {
  from: number;
  to: number;
  following: boolean;
}

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

/** How long the stretches are that figures of a window come from; 0: from the samples, which are few. */
export type Step = 0 | keyof typeof RESOLUTIONS;

/** From here on lines of samples are a barcode: days are drawn, with what was least and most. */
const DAYS_FROM_S = 62 * 86_400;

const HOUR_S = 3600;
const DAY_S = 86_400;

export function stepFor(widthS: number): Step {
  if (widthS <= 6 * 3600) return 0;
  if (widthS <= 3 * 86_400) return 600;
  return widthS <= DAYS_FROM_S ? 3600 : 86_400;
}

/** What a lane has: samples to draw, or days, and stretches to reckon with. */
export interface Lane {
  samples: readonly Sample[];
  buckets: readonly Bucket[];
}

function both(a: Range | null, b: Range | null): Range | null {
  if (!a || !b) return a ?? b;
  const known = a.known && b.known ? Math.min(DAY_S, a.known + b.known) : undefined;
  const share = known ? b.known! / (a.known! + b.known!) : b.count / (a.count + b.count);
  return {
    mean: a.mean + (b.mean - a.mean) * share,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    count: a.count + b.count,
    ...(known && { known }),
  };
}

/**
 * Stretches in their order, those of one time made one: of the sensors that followed one another in a lane,
 * and of what came in since. Every sample weighs the same, and in days every hour that is known.
 */
export function joined(buckets: readonly Bucket[]): Bucket[] {
  const byTime = new Map<number, Bucket>();
  for (const bucket of buckets) {
    const { time } = bucket;
    const known = byTime.get(time);
    byTime.set(
      time,
      known
        ? {
            time,
            co2: both(known.co2, bucket.co2),
            temperature: both(known.temperature, bucket.temperature),
            humidity: both(known.humidity, bucket.humidity),
          }
        : bucket,
    );
  }
  return [...byTime.values()].sort((a, b) => a.time - b.time);
}

/** Stretches of samples that the server was not asked for, or that came in since. */
export function bucketsFrom(samples: readonly Sample[], step: number): Bucket[] {
  if (step > HOUR_S) return daysFrom(bucketsFrom(samples, HOUR_S), step);
  const one = (value: number | null): Range | null =>
    value === null ? null : { mean: value, min: value, max: value, count: 1 };
  return joined(
    samples.map(({ time, co2, temperature, humidity }) => ({
      time: time - (time % step),
      co2: one(co2),
      temperature: one(temperature),
      humidity: one(humidity),
    })),
  );
}

function daysFrom(hours: readonly Bucket[], step: number): Bucket[] {
  const known = (range: Range | null) => range && { ...range, known: HOUR_S };
  return joined(
    hours.map(({ time, co2, temperature, humidity }) => ({
      time: time - (time % step),
      co2: known(co2),
      temperature: known(temperature),
      humidity: known(humidity),
    })),
  );
}

/** Days with their extremes: three columns for each lane, mean, least and most; noon is where a day stands. */
export function bandsOf(lanes: readonly (readonly Bucket[])[], quantity: Quantity, step: number): Columns {
  const byTime = lanes.map((own) => new Map(own.map((bucket) => [bucket.time, bucket[quantity]])));
  const starts = [...new Set(lanes.flatMap((own) => own.map(({ time }) => time)))].sort((a, b) => a - b);
  const times: number[] = [];
  for (const start of starts) {
    // A day of which nothing is known breaks the line.
    if (times.length && start > times.at(-1)! + step) times.push(times.at(-1)! + step);
    times.push(start);
  }
  const columns = byTime.flatMap((own) =>
    (["mean", "min", "max"] as const).map((name) => times.map((time) => own.get(time)?.[name] ?? null)),
  );
  return [times.map((time) => time + step / 2), ...columns];
}

/**
 * The row of a chart's table that a place on its line speaks of: null in a gap, and beyond the ends.
 * near is how far off a row may be whose neighbour on that side is missing.
 */
export function rowAt(
  [times, ...columns]: Columns,
  nearest: number,
  time: number,
  near: number,
): number | null {
  const known = (row: number) => columns.some((column) => column[row] != null);
  const own = times[nearest];
  if (own === undefined || !known(nearest)) return null;
  const beside = time < own ? nearest - 1 : nearest + 1;
  // Of another lane only: the line goes on over it.
  const broken = columns.some((column) => column[beside] === null) || times[beside] === undefined;
  return broken && Math.abs(time - own) > near ? null : nearest;
}

export interface Summary {
  min: number;
  max: number;
  mean: number;
}

/**
 * What was measured in a window, of the stretches that it touches, lane by lane. The mean is one over time: each
 * hour of which something is known has the mean of its samples, and counts for as long as it lies in the window,
 * however many samples it has and whatever stretches it is told in; of what is not known, nothing.
 * Where windows lie side by side, own says of which stretches one has the least and the highest.
 */
export function summaryOf(
  lanes: readonly (readonly Bucket[])[],
  quantity: Quantity,
  step: number,
  from: number,
  to: number,
  own: (bucket: Bucket) => boolean = () => true,
): Summary | null {
  let seconds = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  const weigh = (mean: number, within: number) => {
    seconds += within;
    sum += mean * within;
  };
  const overlap = (start: number, length: number) => Math.min(to, start + length) - Math.max(from, start);
  for (const lane of lanes) {
    /** Of an hour that comes in shorter stretches: how many samples, and their sum. */
    const hours = new Map<number, [count: number, sum: number]>();
    for (const bucket of lane) {
      const range = bucket[quantity];
      const within = overlap(bucket.time, step);
      if (!range || within <= 0) continue;
      if (step < HOUR_S) {
        const hour = bucket.time - (bucket.time % HOUR_S);
        const count = (range.count * within) / step;
        const [counted, summed] = hours.get(hour) ?? [0, 0];
        hours.set(hour, [counted + count, summed + count * range.mean]);
      } else {
        weigh(range.mean, Math.min(range.known ?? step, within));
      }
      if (!own(bucket)) continue;
      min = Math.min(min, range.min);
      max = Math.max(max, range.max);
    }
    for (const [hour, [count, summed]] of hours) weigh(summed / count, overlap(hour, HOUR_S));
  }
  return min > max ? null : { min, max, mean: sum / seconds };
}

export type RowStep = "quarter" | "hour" | "day" | "month";

export interface Row extends Summary {
  from: number;
}

export function rowStepFor(widthS: number): RowStep {
  if (widthS <= 6 * 3600) return "quarter";
  if (widthS <= 36 * 3600) return "hour";
  return widthS <= DAYS_FROM_S ? "day" : "month";
}

/**
 * Rows for the table beside the chart, in steps of the calendar and of the clock on the wall. Days of UTC
 * reach over their ends: least and highest are those of the row in which the middle of a stretch lies.
 */
export function rowsOf(
  lanes: readonly (readonly Bucket[])[],
  quantity: Quantity,
  step: number,
  from: number,
  to: number,
  timeZone: string,
): Row[] {
  const rowStep = rowStepFor(to - from);
  const rows: Row[] = [];
  let at = fromAbsolute(from * 1000, timeZone).set({ second: 0, millisecond: 0 });
  if (rowStep === "quarter") at = at.set({ minute: at.minute - (at.minute % 15) });
  else if (rowStep === "hour") at = at.set({ minute: 0 });
  else at = at.set({ minute: 0, hour: 0, ...(rowStep === "month" && { day: 1 }) });
  const length = { quarter: { minutes: 15 }, hour: { hours: 1 }, day: { days: 1 }, month: { months: 1 } }[
    rowStep
  ];
  for (;;) {
    const start = at.toDate().getTime() / 1000;
    if (start >= to) return rows;
    at = at.add(length);
    const end = at.toDate().getTime() / 1000;
    const own = ({ time }: Bucket) => start <= time + step / 2 && time + step / 2 < end;
    const summary = summaryOf(lanes, quantity, step, Math.max(from, start), Math.min(to, end), own);
    if (summary) rows.push({ from: start, ...summary });
  }
}
