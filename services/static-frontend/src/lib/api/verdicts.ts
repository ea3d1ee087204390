// The air of a room, judged by a norm over the time in which people were there.
import type { Level } from "../scale";
import { numberOrNull, text } from "./attributes";
import { get, list, type Resource } from "./client";
import type { components } from "./schema";

type Attributes = components["schemas"]["VerdictDocument"]["data"]["attributes"];
type ProfileAttributes = components["schemas"]["VerdictProfile"]["attributes"];

export interface Profile {
  id: string;
  name: ProfileAttributes["name"];
  paragraph: string;
  note: ProfileAttributes["name"] | null;
  /** The language of the paragraph. */
  lang: string;
  /** Titles are in the language of the source. */
  sources: { title: string; url: string | null; lang: string; about: ProfileAttributes["name"] | null }[];
  averaging: string;
  levels: { id: string; name: ProfileAttributes["name"]; role: Level }[];
}

export interface Verdict {
  profile: string;
  level: string | null;
  notJudged: NonNullable<Attributes["not_judged"]> | null;
  good: boolean;
  medal: boolean;
  /** Between which the true level lies, as far as the sensor's accuracy is known. */
  best: string | null;
  worst: string | null;
  bounds: { level: string; ppm: number; beyondPercent: number; tolerancePercent: number }[];
  sensor: "fit" | "unfit" | "unknown";
  occupiedS: number;
  measuredS: number;
  knownBy: string[];
  daysWithoutUse: number;
  days: number;
  staleDays: number;
  /** Of the week; Monday is 0. */
  worstHours: { weekday: number; from: number; to: number } | null;
  from: number;
  to: number;
  timeZone: string | null;
}

/** Of the last thirty days, by the norm of the room or by another one. */
export async function fetchVerdict(roomId: string, signal?: AbortSignal, profile?: string): Promise<Verdict> {
  const { data } = await get(`rooms/${encodeURIComponent(roomId)}/verdicts/`, { profile }, signal);
  const a = data.attributes as Partial<Attributes>;
  return {
    profile: text(a.profile),
    level: text(a.level) || null,
    notJudged: a.not_judged ?? null,
    good: a.good === true,
    medal: a.clean_air_medal === true,
    best: text(a.best_level) || null,
    worst: text(a.worst_level) || null,
    bounds: (a.bounds ?? []).map((one) => ({
      level: text(one.level),
      ppm: numberOrNull(one.ppm) ?? 0,
      beyondPercent: numberOrNull(one.beyond_percent) ?? 0,
      tolerancePercent: numberOrNull(one.tolerance_percent) ?? 0,
    })),
    sensor: a.sensor?.verdict ?? "unknown",
    occupiedS: numberOrNull(a.occupied_s) ?? 0,
    measuredS: numberOrNull(a.measured_s) ?? 0,
    knownBy: a.occupied_known_by ?? [],
    daysWithoutUse: numberOrNull(a.days_without_use) ?? 0,
    days: numberOrNull(a.day_count) ?? 0,
    staleDays: numberOrNull(a.stale_day_count) ?? 0,
    worstHours: a.worst_hours
      ? {
          weekday: numberOrNull(a.worst_hours.weekday) ?? 0,
          from: numberOrNull(a.worst_hours.from_hour) ?? 0,
          to: numberOrNull(a.worst_hours.to_hour) ?? 0,
        }
      : null,
    from: numberOrNull(a.from_timestamp_s) ?? 0,
    to: numberOrNull(a.to_timestamp_s) ?? 0,
    timeZone: text(a.time_zone) || null,
  };
}

function toProfile(resource: Resource): Profile {
  const a = resource.attributes as unknown as ProfileAttributes;
  return {
    id: resource.id,
    name: a.name,
    paragraph: text(a.paragraph),
    note: a.note ?? null,
    lang: text(a.paragraph_language),
    sources: (a.sources ?? []).map((one) => ({
      title: text(one.title),
      url: text(one.url) || null,
      lang: text(one.lang),
      about: one.about ?? null,
    })),
    averaging: text(a.averaging),
    levels: a.levels.map(({ id, name, role }) => ({ id, name, role: role ?? "none" })),
  };
}

/** The norms by which air can be judged, the default one first. */
export async function fetchProfiles(signal?: AbortSignal): Promise<Profile[]> {
  return (await list("verdict-profiles/", {}, signal)).data.map(toProfile);
}
