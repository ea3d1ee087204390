import { describe, expect, test } from "vitest";
import type { Sample } from "../../src/lib/air";
import type { Installation } from "../../src/lib/api/installations";
import type { Bucket } from "../../src/lib/api/samples";
import {
  bandsOf,
  bucketsFrom,
  columnsOf,
  gapFor,
  joined,
  lanesOf,
  rowAt,
  rowsOf,
  summaryOf,
} from "../../src/lib/series";

const at = (time: number, co2: number, temperature: number | null = null): Sample => ({
  time,
  co2,
  temperature,
  humidity: null,
});
const installation = (id: string, from: number, to: number | null): Installation => ({
  id,
  from,
  to,
  isPublic: true,
  description: "",
  image: null,
  latest: null,
  nodeId: null,
  roomId: null,
});

test("installations one after another share a lane, parallel ones do not", () => {
  const lanes = lanesOf([
    installation("c", 200, null),
    installation("a", 0, 100),
    installation("b", 100, 300),
  ]);
  expect(lanes.map((lane) => lane.map((one) => one.id))).toEqual([["a", "b"], ["c"]]);
});

describe("gaps", () => {
  test("an hour without values breaks the line", () => {
    expect(columnsOf([[at(0, 500), at(300, 510), at(4000, 520)]], "co2")).toEqual([
      [0, 300, 301, 4000],
      [500, 510, null, 520],
    ]);
  });
  test("a thinned series is not torn apart", () => {
    const sparse = Array.from({ length: 5 }, (_, i) => at(i * 7200, 500));
    expect(gapFor(sparse)).toBe(6 * 7200);
    expect(columnsOf([sparse], "co2")[1]).not.toContain(null);
  });
  test("a missing quantity is a gap", () => {
    expect(columnsOf([[at(0, 500, 21), at(300, 500, null)]], "temperature")[1]).toEqual([21, null]);
  });
});

test("lanes with other times stand in one table", () => {
  expect(columnsOf([[at(0, 1), at(600, 2)], [at(300, 3)]], "co2")).toEqual([
    [0, 300, 600],
    [1, undefined, 2],
    [undefined, 3, undefined],
  ]);
});

const bucket = (time: number, mean: number, min = mean, max = mean, count = 1): Bucket => ({
  time,
  co2: { mean, min, max, count },
  temperature: null,
  humidity: null,
});

describe("figures of a window", () => {
  test("are of what it touches, and of samples themselves where it is short", () => {
    const samples = bucketsFrom([at(0, 100), at(10, 200), at(20, 600), at(30, 900)], 1);
    expect(summaryOf([samples], "co2", 1, 10, 21)).toEqual({ min: 200, max: 600, mean: 400 });
    expect(summaryOf([samples], "temperature", 1, 0, 31)).toBeNull();
  });
  test("weigh time, and not samples: a busy hour counts as much as a quiet one", () => {
    const busy = Array.from({ length: 60 }, (_, i) => at(i * 60, 2000));
    const quiet = [at(3600, 400), at(5400, 400)];
    const hours = bucketsFrom([...busy, ...quiet], 3600);
    expect(summaryOf([hours], "co2", 3600, 0, 7200)).toEqual({ min: 400, max: 2000, mean: 1200 });
    // Half of the first hour only; of the third nothing is known.
    expect(summaryOf([hours], "co2", 3600, 1800, 9000)?.mean).toBeCloseTo(2800 / 3);
  });
  test("what came in since belongs to its stretch, and weighs as much as any sample of it", () => {
    const all = joined([
      bucket(0, 500),
      bucket(600, 600, 400, 800, 249),
      ...bucketsFrom([at(900, 1600), at(1300, 400)], 600),
    ]);
    expect(all.map(({ time, co2 }) => [time, co2])).toEqual([
      [0, { mean: 500, min: 500, max: 500, count: 1 }],
      [600, { mean: 604, min: 400, max: 1600, count: 250 }],
      [1200, { mean: 400, min: 400, max: 400, count: 1 }],
    ]);
  });
  test("each quantity has a mean of the samples that have it", () => {
    const samples = [
      at(0, 500),
      at(1, 500),
      at(2, 500),
      at(3, 500),
      at(4, 500),
      at(5, 500, 20),
      at(6, 500, 30),
    ];
    expect(bucketsFrom(samples, 600)[0]?.temperature).toEqual({ mean: 25, min: 20, max: 30, count: 2 });
    const without = { ...bucket(0, 500, 500, 500, 4) };
    expect(joined([without, ...bucketsFrom([at(5, 500, 20)], 600)])[0]?.temperature?.mean).toBe(20);
  });
  test("a day on which one sensor followed another is one day of both", () => {
    const day = 86_400;
    const lane = joined([bucket(0, 500), bucket(day, 600, 400, 2000, 30), bucket(day, 900, 800, 1000, 10)]);
    expect(bandsOf([lane], "co2", day)).toEqual([
      [0.5 * day, 1.5 * day],
      [500, 675],
      [500, 400],
      [500, 2000],
    ]);
    expect(summaryOf([lane], "co2", day, 0, 2 * day)?.mean).toBe((500 + 675) / 2);
  });
});

/** The same numbers in each run. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("a mean is the same by days, by hours, by ten minutes and by samples", () => {
  const STEPS = [86_400, 3600, 600, 1];
  test("three known hours of a day are three hours, and not a day", () => {
    const start = 20_000 * 86_400;
    const samples = [
      ...Array.from({ length: 24 }, (_, hour) => at(start + hour * 3600, 500)),
      ...Array.from({ length: 3 }, (_, hour) => at(start + 86_400 + hour * 3600, 1400)),
    ];
    for (const step of STEPS) {
      const mean = summaryOf([bucketsFrom(samples, step)], "co2", step, start, start + 2 * 86_400)?.mean;
      expect(mean, `by ${step} s`).toBeCloseTo(600);
    }
  });
  test.each(Array.from({ length: 60 }, (_, seed) => seed))("whatever gaps there are (%i)", (seed) => {
    const next = random(seed);
    const days = 1 + Math.floor(next() * 40);
    const start = 20_000 * 86_400;
    const end = start + days * 86_400;
    const lanes = Array.from({ length: 1 + Math.floor(next() * 2) }, () => {
      const samples: Sample[] = [];
      for (let time = start + Math.floor(next() * 7200); time < end;) {
        const some = next() < 0.7;
        samples.push(at(time, 400 + Math.floor(next() * 2000), some ? Math.round(next() * 300) / 10 : null));
        // Most of the time a sensor's interval, at times a silence of hours or days.
        const silence = next();
        time += Math.ceil(
          silence < 0.9 ? 60 + next() * 900 : silence < 0.99 ? next() * 20_000 : next() * 400_000,
        );
      }
      return samples;
    });
    for (const quantity of ["co2", "temperature"] as const) {
      const means = STEPS.map((step) => {
        const buckets = lanes.map((samples) =>
          // A sample without the quantity is none of it.
          bucketsFrom(
            samples.filter((one) => one[quantity] !== null),
            step,
          ),
        );
        return summaryOf(buckets, quantity, step, start, end)?.mean;
      });
      for (const mean of means) expect(mean).toBeCloseTo(means[0]!, 6);
    }
  });
});

describe("rows of the table", () => {
  const berlin = "Europe/Berlin";
  const time = (iso: string) => Date.parse(iso) / 1000;
  test("a week has days of the wall's calendar, and the day on which clocks change is one", () => {
    const from = time("2026-10-23T10:00:00Z");
    const hours = Array.from({ length: 96 }, (_, i) => bucket(from + i * 3600, i < 12 ? 500 : 600));
    expect(
      rowsOf([hours], "co2", 3600, from, from + 96 * 3600, berlin).map((row) => [row.from, row.mean]),
    ).toEqual([
      [time("2026-10-22T22:00:00Z"), 500],
      [time("2026-10-23T22:00:00Z"), 600],
      [time("2026-10-24T22:00:00Z"), 600],
      [time("2026-10-25T23:00:00Z"), 600],
      [time("2026-10-26T23:00:00Z"), 600],
    ]);
  });
  test("a year has months, and those of which nothing is known are left out", () => {
    const days = [
      bucket(time("2026-01-15T00:00:00Z"), 500),
      bucket(time("2026-03-15T00:00:00Z"), 700, 400, 2000),
    ];
    expect(
      rowsOf([days], "co2", 86_400, time("2026-01-10T00:00:00Z"), time("2026-06-01T00:00:00Z"), berlin),
    ).toEqual([
      { from: time("2025-12-31T23:00:00Z"), min: 500, max: 500, mean: 500 },
      { from: time("2026-02-28T23:00:00Z"), min: 400, max: 2000, mean: 700 },
    ]);
  });
  test("least and highest of a day are those of the month in which its middle lies", () => {
    // Both begin at 22:00 UTC of the day before: of two days a piece reaches into the next month.
    const days = [
      bucket(time("2026-03-31T00:00:00Z"), 800, 350, 3000),
      bucket(time("2026-04-01T00:00:00Z"), 600, 500, 700),
      bucket(time("2026-04-30T00:00:00Z"), 600, 450, 2500),
    ];
    const extremes = (to: string) =>
      rowsOf([days], "co2", 86_400, time("2026-01-10T00:00:00Z"), time(to), berlin).map((row) => [
        row.from,
        row.min,
        row.max,
      ]);
    const march = [time("2026-02-28T23:00:00Z"), 350, 3000];
    const april = (min: number, max: number) => [time("2026-03-31T22:00:00Z"), min, max];
    expect(extremes("2026-06-10T00:00:00Z")).toEqual([march, april(450, 2500)]);
    // A day that is not over counts already; a month of which only a piece of the day before is known does not.
    expect(extremes("2026-04-01T06:00:00Z")).toEqual([march, april(500, 700)]);
    expect(extremes("2026-04-30T22:30:00Z")).toEqual([march, april(450, 2500)]);
  });
});

test("days are drawn with what was least and most, and break where one is missing", () => {
  const day = 86_400;
  expect(bandsOf([[bucket(0, 500, 400, 900), bucket(day, 600), bucket(3 * day, 700)]], "co2", day)).toEqual([
    [0.5 * day, 1.5 * day, 2.5 * day, 3.5 * day],
    [500, 600, null, 700],
    [400, 600, null, 700],
    [900, 600, null, 700],
  ]);
});

test("in a gap the readout is of nothing", () => {
  const columns = columnsOf([[at(0, 500), at(300, 510), at(90_000, 520), at(90_300, 530)]], "co2");
  const rows = columns[0];
  expect(rowAt(columns, 1, 310, 20)).toBe(1); // as good as on it
  expect(rowAt(columns, rows.indexOf(301), 20_000, 20)).toBeNull();
  expect(rowAt(columns, rows.indexOf(90_000), 80_000, 20)).toBeNull();
  expect(rowAt(columns, rows.indexOf(90_000), 90_100, 20)).toBe(rows.indexOf(90_000));
  expect(rowAt(columns, rows.indexOf(90_300), 99_000, 20)).toBeNull(); // beyond the end
});
