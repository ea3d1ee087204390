// Rooms with what their sensors say. Pure functions.
import {
  currentLevel,
  freshness,
  severity,
  standingOf,
  worst,
  type Level,
  type Sample,
  type Standing,
} from "./air";
import { isActive, type Installation } from "./api/installations";
import type { PublicSite } from "./api/publicsites";
import type { Room } from "./api/rooms";
import type { Site } from "./api/sites";
import type { Scale } from "./scale";

export interface RoomState {
  room: Room;
  installations: Installation[];
  /** The newest sample; with several sensors the worst of those that are fresh. */
  sample: Sample | null;
  level: Level;
}

export interface SiteState {
  site: Site;
  rooms: RoomState[];
  level: Level;
}

/** With several sensors in a room the worst fresh value counts: nobody is helped by the average. */
export function representativeOf(samples: readonly Sample[], nowS: number): Sample | null {
  const fresh = samples.filter((sample) => freshness(sample, nowS) === "fresh");
  if (fresh.length) return fresh.reduce((a, b) => (b.co2 > a.co2 ? b : a));
  return samples.length ? samples.reduce((a, b) => (b.time > a.time ? b : a)) : null;
}

export function representative(installations: readonly Installation[], nowS: number): Sample | null {
  return representativeOf(
    installations.flatMap((one) => (isActive(one, nowS) && one.latest ? [one.latest] : [])),
    nowS,
  );
}

export function roomStates(
  rooms: readonly Room[],
  installations: readonly Installation[],
  nowS: number,
): RoomState[] {
  const byRoom = groupBy(installations, (one) => one.roomId);
  return rooms.map((room) => {
    const own = byRoom.get(room.id) ?? [];
    const sample = representative(own, nowS);
    return { room, installations: own, sample, level: currentLevel(sample, nowS, room.scale) };
  });
}

/** The scales that rooms are held against, each once. */
export function scalesOf(states: readonly RoomState[]): Scale[] {
  const all = states.flatMap(({ room }) => room.scale ?? []);
  return all.filter((one, index) => all.findIndex((other) => other.profile === one.profile) === index);
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

/** A room as one finds it where there are several houses. */
export function placeName(room: Room | undefined, sites: readonly Site[]): string {
  const site = sites.find((one) => one.id === room?.siteId);
  return [room?.name, site?.name].filter(Boolean).join(", ");
}

export function siteStates(
  sites: readonly Site[],
  rooms: readonly Room[],
  installations: readonly Installation[],
  nowS: number,
): SiteState[] {
  const states = groupBy(roomStates(rooms, installations, nowS), (state) => state.room.siteId);
  return sites.map((site) => {
    const own = states.get(site.id) ?? [];
    return { site, rooms: own, level: worst(own.map((state) => state.level)) };
  });
}

export interface PublicSiteState {
  site: PublicSite;
  /** Of the rooms, the worst first: where not all are shown, the red one is. */
  levels: Level[];
  /** The worst of them. */
  level: Level;
  /** That in words; where no room has a level, what is wrong with a sensor. */
  standing: Standing;
}

export function publicSiteState(site: PublicSite, nowS: number): PublicSiteState {
  const now = site.rooms.map(({ latest, scale }) => ({ sample: representativeOf(latest, nowS), scale }));
  const levels = now.map(({ sample, scale }) => currentLevel(sample, nowS, scale));
  const level = worst(levels);
  const standings = now.map(({ sample, scale }) => standingOf(sample, nowS, scale));
  const fault = (["verdict.beyond", "verdict.faulty"] as const).find((one) => standings.includes(one));
  levels.sort((a, b) => severity(b) - severity(a));
  return { site, levels, level, standing: level === "none" && fault ? fault : `level.${level}` };
}

/** An installation with a sample of its own put in, unless what is there is as new. */
export function withSample(installation: Installation, sample: Sample): Installation {
  const { latest } = installation;
  return latest && latest.time >= sample.time ? installation : { ...installation, latest: sample };
}
