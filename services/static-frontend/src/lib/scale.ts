// The momentary scale of a room: bounds, colours and words of the norm by which it is judged. Pure functions.
import { numberOrNull, text } from "./api/attributes";

/** "none" stands for: no measurement to judge by. */
export type Level = "good" | "elevated" | "high" | "none";
export type Role = Exclude<Level, "none">;

export interface Words {
  de: string;
  en: string;
}

/** It ends below a value, or with one; the last level never does. */
export interface ScaleLevel {
  role: Role;
  below: number | null;
  upTo: number | null;
  /** Not in lists of many rooms. */
  name: Words | null;
}

export interface Scale {
  /** Id of the norm. */
  profile: string;
  name: Words | null;
  /** What it was made of, where the norm has none of its own. */
  derived: Words | null;
  /** The best one first. */
  levels: ScaleLevel[];
}

const ROLES: readonly unknown[] = ["good", "elevated", "high"];

function toWords(value: unknown): Words | null {
  if (!value || typeof value !== "object") return null;
  const raw = value as Record<string, unknown>;
  return { de: text(raw.de), en: text(raw.en) };
}

/** What the API says of a room; null from one that does not know scales. */
export function toScale(value: unknown): Scale | null {
  if (!value || typeof value !== "object") return null;
  const raw = value as Record<string, unknown>;
  const levels = (Array.isArray(raw.levels) ? (raw.levels as Record<string, unknown>[]) : []).filter((one) =>
    ROLES.includes(one.role),
  );
  if (!levels.length) return null;
  return {
    profile: text(raw.profile),
    name: toWords(raw.name),
    derived: toWords(raw.derived),
    levels: levels.map((one) => ({
      role: one.role as Role,
      below: numberOrNull(one.below_ppm),
      upTo: numberOrNull(one.up_to_ppm),
      name: toWords(one.name),
    })),
  };
}

const within = (level: ScaleLevel, ppm: number) =>
  level.below !== null ? ppm < level.below : level.upTo === null || ppm <= level.upTo;

export function levelOf(co2Ppm: number | null | undefined, scale: Scale | null): Level {
  if (co2Ppm == null || !Number.isFinite(co2Ppm) || !scale) return "none";
  return (scale.levels.find((level) => within(level, co2Ppm)) ?? scale.levels.at(-1))?.role ?? "none";
}

/** Where a colour begins; above: only beyond the value. */
export interface Start {
  role: Role;
  ppm: number;
  above: boolean;
}

/** Where the colours beyond the first one begin. */
export function startsOf(scale: Scale | null): Start[] {
  const starts: Start[] = [];
  scale?.levels.forEach((level, index) => {
    const before = scale.levels[index - 1];
    if (!before || before.role === level.role) return;
    starts.push({ role: level.role, ppm: before.below ?? before.upTo ?? 0, above: before.below === null });
  });
  return starts;
}

/** Steps of pictures that show many means: the starts, one step below the first, and one between two. */
export function shadesOf(scale: Scale | null): Start[] {
  const starts = startsOf(scale);
  const round = (ppm: number) => Math.round(ppm / 50) * 50;
  return starts.flatMap((start, index) => {
    const before = starts[index - 1];
    const ppm = before ? round((before.ppm + start.ppm) / 2) : round(start.ppm * 0.7);
    return [{ role: before?.role ?? "good", ppm, above: false }, start];
  });
}

/** Which of the steps a mean is in; 0 is below all. */
export const shadeOf = (ppm: number, shades: readonly Start[]): number =>
  shades.filter((start) => (start.above ? ppm > start.ppm : ppm >= start.ppm)).length;
