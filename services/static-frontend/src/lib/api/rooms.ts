// Rooms.
import { toScale, type Scale } from "../scale";
import { attributes, numberOrNull, text, type Written } from "./attributes";
import { create, get, list, relatedId, remove, type Resource, update } from "./client";

export interface Room {
  id: string;
  name: string;
  description: string;
  sizeSqm: number | null;
  heightM: number | null;
  maxOccupancy: number | null;
  /** By which norm its air is judged; empty: that of the site. */
  profile: string;
  /** Id of a climate band; empty: that of the site. */
  band: string;
  /** What its air is held against at each moment. */
  scale: Scale | null;
  siteId: string | null;
}

export function toRoom(resource: Resource): Room {
  const a = attributes<"Room">(resource);
  return {
    id: resource.id,
    name: text(a.name),
    description: text(a.description),
    sizeSqm: numberOrNull(a.size_sqm),
    heightM: numberOrNull(a.height_m),
    maxOccupancy: numberOrNull(a.max_occupancy),
    profile: text(a.verdict_profile),
    band: text(a.climate_band),
    scale: toScale(a.air_scale),
    siteId: relatedId(resource, "site"),
  };
}

/** A room of which nothing is said yet. */
export const newRoom = (): Room => toRoom({ type: "Room", id: "", attributes: {} });

export interface InventoryFilter {
  organization?: string;
  site?: string;
  room?: string;
}

export function filters(filter: InventoryFilter): Record<string, string | undefined> {
  return {
    "filter[organization]": filter.organization,
    "filter[site]": filter.site,
    "filter[room]": filter.room,
  };
}

export async function fetchRooms(filter: InventoryFilter = {}, signal?: AbortSignal): Promise<Room[]> {
  return (await list("rooms/", filters(filter), signal)).data.map(toRoom);
}

export async function fetchRoom(id: string, signal?: AbortSignal): Promise<Room> {
  return toRoom((await get(`rooms/${encodeURIComponent(id)}/`, {}, signal)).data);
}

/** What people say of a room. */
export type RoomDraft = Omit<Room, "id" | "siteId" | "scale">;

function roomAttributes(draft: RoomDraft): Written<"Room"> {
  return {
    name: draft.name,
    description: draft.description,
    size_sqm: draft.sizeSqm?.toFixed(1) ?? null,
    height_m: draft.heightM?.toFixed(1) ?? null,
    max_occupancy: draft.maxOccupancy,
    verdict_profile: draft.profile || null,
    climate_band: draft.band || null,
  };
}

/** What is not said yet is empty. */
export async function createRoom(site: string, draft: Partial<RoomDraft>): Promise<Room> {
  const document = await create("rooms/", "Room", {
    attributes: roomAttributes({ ...newRoom(), ...draft }),
    relationships: { site: { type: "Site", id: site } },
  });
  return toRoom(document.data);
}

export async function updateRoom(id: string, draft: RoomDraft): Promise<void> {
  await update(`rooms/${id}/`, "Room", id, { attributes: roomAttributes(draft) });
}

export const deleteRoom = (id: string) => remove(`rooms/${id}/`);
