import { describe, expect, test } from "vitest";
import type { Sample } from "../../src/lib/air";
import type { Installation } from "../../src/lib/api/installations";
import { bucketsOf, columnsOf, csvOf, gapFor, lanesOf, summaryOf } from "../../src/lib/series";

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

test("the summary looks at the window only, ends included", () => {
  const samples = [at(0, 100), at(10, 200), at(20, 600), at(30, 900)];
  expect(summaryOf(samples, "co2", 10, 20)).toEqual({ count: 2, min: 200, max: 600, mean: 400 });
  expect(summaryOf(samples, "temperature", 0, 30)).toBeNull();
});

test("buckets cover the window without counting a sample twice, and leave out empty ones", () => {
  const samples = [at(0, 1), at(299, 3), at(300, 5), at(900, 7)];
  expect(bucketsOf(samples, "co2", 0, 1200).map((one) => [one.from, one.count])).toEqual([
    [0, 2],
    [300, 1],
    [900, 1],
  ]);
});

test("CSV quotes names and defuses formulas", () => {
  const csv = csvOf([{ label: '=1+"2"', samples: [at(0, 500, 21.5)] }]);
  expect(csv.split("\r\n")).toEqual([
    "sensor,time,timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent",
    `"'=1+""2""",1970-01-01T00:00:00Z,0,500,21.5,`,
    "",
  ]);
});
