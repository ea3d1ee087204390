// What a CO2 value means, by the scale that the API gives with each room. Pure functions; no bound stands here.
import { GREATEST_CO2_PPM } from "./limits";
import { levelOf, startsOf, type Level, type Scale } from "./scale";

export type { Level } from "./scale";

export interface Sample {
  /** Unix seconds. */
  time: number;
  co2: number;
  temperature: number | null;
  humidity: number | null;
  /** The sensor is at fault, as it or the server says: the values say nothing of the air. */
  faulty?: boolean;
}

/** Seconds after which a value no longer describes the air of now; clients always showed 30 minutes. */
export const STALE_AFTER_S = 30 * 60;

/** "beyond" is more than a sensor can measure: it is faulty, or nobody should be there. */
export type Freshness = "fresh" | "stale" | "faulty" | "beyond" | "absent";

export function freshness(sample: Sample | null | undefined, nowS: number): Freshness {
  if (!sample) return "absent";
  if (nowS - sample.time > STALE_AFTER_S) return "stale";
  if (!sample.faulty) return "fresh";
  return sample.co2 > GREATEST_CO2_PPM ? "beyond" : "faulty";
}

/** The level of the air now: an old value says nothing about it, nor does a faulty sensor. */
export function currentLevel(sample: Sample | null | undefined, nowS: number, scale: Scale | null): Level {
  return sample && freshness(sample, nowS) === "fresh" ? levelOf(sample.co2, scale) : "none";
}

/** What a sample says, as a key of the messages: of the air, or why it says nothing of it. */
export function verdictOf(sample: Sample | null | undefined, nowS: number, scale: Scale | null) {
  const state = freshness(sample, nowS);
  return state === "fresh"
    ? (`verdict.${currentLevel(sample, nowS, scale)}` as const)
    : (`verdict.${state}` as const);
}

/** The same in a list, where a level is a word; a sensor that is at fault says so there, too. */
export function standingOf(sample: Sample | null | undefined, nowS: number, scale: Scale | null) {
  const state = freshness(sample, nowS);
  return state === "faulty" || state === "beyond"
    ? (`verdict.${state}` as const)
    : (`level.${currentLevel(sample, nowS, scale)}` as const);
}
export type Standing = ReturnType<typeof standingOf>;

export type Trend = "rising" | "falling" | "steady";

/** Span looked at for the trend, and the slope below which the air counts as steady. */
const TREND_SPAN_S = 30 * 60;
const STEADY_PPM_PER_HOUR = 120;

/**
 * Slope of the least-squares line through the samples of the last half hour before the newest one.
 * Sensors scatter by some 30 ppm, so two neighbours alone would flicker. Null with fewer than three.
 */
export function slopePpmPerHour(samples: readonly Sample[]): number | null {
  const newest = samples.at(-1);
  if (!newest) return null;
  const recent = samples.filter((sample) => !sample.faulty && sample.time >= newest.time - TREND_SPAN_S);
  if (recent.length < 3) return null;
  const meanTime = recent.reduce((sum, sample) => sum + sample.time, 0) / recent.length;
  const meanCo2 = recent.reduce((sum, sample) => sum + sample.co2, 0) / recent.length;
  let covariance = 0;
  let variance = 0;
  for (const sample of recent) {
    covariance += (sample.time - meanTime) * (sample.co2 - meanCo2);
    variance += (sample.time - meanTime) ** 2;
  }
  return variance === 0 ? null : (covariance / variance) * 3600;
}

export const trendOf = (samples: readonly Sample[]): Trend | null => trendOfSlope(slopePpmPerHour(samples));

function trendOfSlope(slope: number | null): Trend | null {
  if (slope === null) return null;
  if (Math.abs(slope) < STEADY_PPM_PER_HOUR) return "steady";
  return slope > 0 ? "rising" : "falling";
}

export type Advice = "ventilate-now" | "ventilate" | "ventilate-soon" | "none";

/** Minutes ahead for which a rising value already asks for an open window. */
const AHEAD_MINUTES = 15;

export function adviceFor(
  sample: Sample | null,
  samples: readonly Sample[],
  nowS: number,
  scale: Scale | null,
): Advice {
  const level = currentLevel(sample, nowS, scale);
  if (level === "high") return "ventilate-now";
  const slope = slopePpmPerHour(samples);
  const trend = trendOfSlope(slope);
  if (level === "elevated") return trend === "falling" ? "none" : "ventilate";
  if (level !== "good" || !sample || slope === null || trend !== "rising") return "none";
  const limit = startsOf(scale)[0]?.ppm ?? Infinity;
  return sample.co2 + (slope * AHEAD_MINUTES) / 60 >= limit ? "ventilate-soon" : "none";
}

const SEVERITY: Record<Level, number> = { none: 0, good: 1, elevated: 2, high: 3 };

/** Greater for worse air, least where nothing is known. */
export const severity = (level: Level): number => SEVERITY[level];

/** The worst of several levels; "none" only when there is nothing else. */
export function worst(levels: Iterable<Level>): Level {
  let result: Level = "none";
  for (const level of levels) if (severity(level) > severity(result)) result = level;
  return result;
}

/** Gaps longer than this break the line of a chart: nothing is known of the time between. */
export const GAP_S = 60 * 60;
