import { describe, expect, test } from "vitest";
import {
  adviceFor,
  currentLevel,
  freshness,
  slopePpmPerHour,
  trendOf,
  worst,
  type Sample,
} from "../../src/lib/air";
import { levelOf, shadeOf, shadesOf, startsOf } from "../../src/lib/scale";
import { scales } from "./scales";
import { toSample } from "../../src/lib/api/samples";

const at = (time: number, co2: number): Sample => ({ time, co2, temperature: null, humidity: null });
const NOW = 1_700_000_000;
/** Samples every five minutes up to NOW, ending at last and changing by perHour. */
const line = (last: number, perHour: number, count = 7) =>
  Array.from({ length: count }, (_, i) =>
    at(NOW - (count - 1 - i) * 300, last - ((count - 1 - i) * 300 * perHour) / 3600),
  );

describe("a faulty sensor", () => {
  const faulty = { time: 1000, co2: 0, temperature: 22, humidity: 41, faulty: true };
  test("says nothing of the air", () => {
    expect(freshness(faulty, 1010)).toBe("faulty");
    expect(currentLevel(faulty, 1010, scales.uba)).toBe("none");
    expect(adviceFor(faulty, [faulty], 1010, scales.uba)).toBe("none");
  });
  test("may be beyond what it can measure, which is never good air", () => {
    const beyond = { ...faulty, co2: 12_000 };
    expect(freshness(beyond, 1010)).toBe("beyond");
    expect(freshness({ ...beyond, co2: 10_000 }, 1010)).toBe("faulty");
    expect(currentLevel(beyond, 1010, scales.uba)).toBe("none");
  });
  test("is told by the status of its samples", () => {
    const raw = { timestamp_s: 1000, co2_ppm: 0, temperature_celsius: 22, rel_humidity_percent: 41 };
    expect(toSample({ ...raw, measurement_status: "E" })).toEqual(faulty);
    expect(toSample({ ...raw, measurement_status: "M" })?.faulty).toBeUndefined();
  });
});

describe("a value is held against the scale of its room", () => {
  test.each([
    ["uba", null, "none"],
    ["uba", NaN, "none"],
    ["uba", 400, "good"],
    ["uba", 999, "good"],
    ["uba", 1000, "elevated"],
    ["uba", 2000, "elevated"],
    ["uba", 2001, "high"],
    ["uba", 10_000, "high"],
    ["be", 899, "good"],
    ["be", 1000, "elevated"],
    ["be", 1199, "elevated"],
    ["be", 1200, "high"],
    ["fr", 1000, "elevated"],
    ["fr", 1500, "elevated"],
    ["fr", 1501, "high"],
    ["en", 1000, "good"],
    ["en", 1220, "good"],
    ["en", 1221, "elevated"],
  ] as const)("%s: %s ppm is %s", (scale, ppm, want) => expect(levelOf(ppm, scales[scale])).toBe(want));
  test("without one, nothing is said", () => expect(levelOf(500, null)).toBe("none"));
  test("colours begin where levels of another colour do", () => {
    expect(startsOf(scales.be).map(({ role, ppm }) => [role, ppm])).toEqual([
      ["elevated", 900],
      ["high", 1200],
    ]);
    expect(startsOf(scales.en).map(({ role, ppm }) => [role, ppm])).toEqual([
      ["elevated", 1220],
      ["high", 1770],
    ]);
  });
  test("the shades of means have the same bounds", () => {
    expect(shadesOf(scales.uba).map(({ ppm }) => ppm)).toEqual([700, 1000, 1500, 2000]);
    expect(shadesOf(scales.be).map(({ ppm }) => ppm)).toEqual([650, 900, 1050, 1200]);
    const shade = (ppm: number) => shadeOf(ppm, shadesOf(scales.uba));
    expect([400, 700, 1000, 1600, 2000, 2001].map(shade)).toEqual([0, 1, 2, 3, 3, 4]);
  });
  test("air near the first bound of a strict norm asks for air sooner", () => {
    const rising = line(850, 600);
    const advise = (scale: keyof typeof scales) => adviceFor(rising.at(-1)!, rising, NOW, scales[scale]);
    expect(advise("uba")).toBe("ventilate-soon");
    expect(advise("en")).toBe("none");
    expect(advise("fr")).toBe("ventilate");
  });
});

test("a value is fresh for half an hour and says nothing of now afterwards", () => {
  expect(freshness(null, NOW)).toBe("absent");
  expect(freshness(at(NOW - 1800, 500), NOW)).toBe("fresh");
  expect(freshness(at(NOW - 1801, 500), NOW)).toBe("stale");
  expect(currentLevel(at(NOW - 1801, 2500), NOW, scales.uba)).toBe("none");
});

describe("trend", () => {
  test("needs three samples within half an hour", () => {
    expect(trendOf([])).toBeNull();
    expect(trendOf(line(800, 900, 2))).toBeNull();
    expect(trendOf([at(NOW - 9000, 400), at(NOW - 8000, 500), at(NOW, 600)])).toBeNull();
  });
  test("is the slope of the line through them", () => {
    expect(slopePpmPerHour(line(1000, 600))).toBeCloseTo(600);
    expect(trendOf(line(1000, 600))).toBe("rising");
    expect(trendOf(line(1000, -600))).toBe("falling");
    expect(trendOf(line(1000, 100))).toBe("steady");
  });
  test("is not led astray by one value out of the row", () => {
    const samples = line(800, 0);
    samples[3] = at(samples[3]!.time, 900);
    expect(trendOf(samples)).toBe("steady");
  });
});

describe("advice", () => {
  const advise = (samples: Sample[]) => adviceFor(samples.at(-1) ?? null, samples, NOW, scales.uba);
  test("high is always now", () => expect(advise(line(2100, -600))).toBe("ventilate-now"));
  test("elevated asks for air", () => expect(advise(line(1200, 0))).toBe("ventilate"));
  test("elevated and falling asks for nothing", () => expect(advise(line(1200, -900))).toBe("none"));
  test("good and rising towards the limit warns ahead", () =>
    expect(advise(line(900, 600))).toBe("ventilate-soon"));
  test("good and rising far below is left alone", () => expect(advise(line(600, 600))).toBe("none"));
  test("an old value gives no advice", () =>
    expect(adviceFor(at(NOW - 4000, 2500), [], NOW, scales.uba)).toBe("none"));
});

test("the worst level wins, and nothing known is weaker than anything known", () => {
  expect(worst([])).toBe("none");
  expect(worst(["none", "good"])).toBe("good");
  expect(worst(["good", "high", "elevated"])).toBe("high");
});
