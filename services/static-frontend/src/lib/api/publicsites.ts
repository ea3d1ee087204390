// What everyone may see of the sites, by place and by name.
import type { Sample } from "../air";
import { toScale, type Scale } from "../scale";
import { attributes, numberOrNull, text } from "./attributes";
import { page, type Resource } from "./client";
import { samplesOf } from "./samples";

/** What everyone may see of a site, with what its rooms measure now. */
export interface PublicSite {
  id: string;
  name: string;
  street1: string;
  city: string;
  latitude: number | null;
  longitude: number | null;
  rooms: { id: string; name: string; latest: Sample[]; scale: Scale | null }[];
}

function toPublicSite(resource: Resource): PublicSite {
  const a = attributes<"PublicSite">(resource);
  const rooms = Array.isArray(a.rooms) ? (a.rooms as Record<string, unknown>[]) : [];
  return {
    id: resource.id,
    name: text(a.name),
    street1: text(a.street1),
    city: text(a.city),
    latitude: numberOrNull(a.latitude),
    longitude: numberOrNull(a.longitude),
    rooms: rooms.map((room) => ({
      id: text(room.id),
      name: text(room.name),
      latest: samplesOf(room.latest_samples),
      scale: toScale(room.air_scale),
    })),
  };
}

/** A part of the map, in degrees. */
export interface Box {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** Everything that has a place. */
export const WORLD: Box = { west: -180, south: -90, east: 180, north: 90 };

export interface PublicSiteFilter {
  search?: string;
  box?: Box;
}

export async function fetchPublicSites(
  { search, box }: PublicSiteFilter,
  most: number,
  signal?: AbortSignal,
): Promise<{ sites: PublicSite[]; count: number }> {
  const edges = box && [box.west, box.south, box.east, box.north].map((one) => one.toFixed(5)).join(",");
  const query = { "filter[search]": search, "filter[box]": edges };
  const { data, count } = await page("public-sites/", query, most, signal);
  return { sites: data.map(toPublicSite), count };
}
