// Installations: a sensor in a room, from one time to another.
import type { Sample } from "../air";
import { attributes, numberOrNull, text, type Written } from "./attributes";
import {
  list,
  ofType,
  operate,
  type Operation,
  relatedId,
  remove,
  request,
  type Resource,
  update,
} from "./client";
import { type SensorNode, toNode } from "./nodes";
import { filters, type InventoryFilter, type Room, toRoom } from "./rooms";
import { toSample } from "./samples";
import { type Site, toSite } from "./sites";

export const OPEN_END_S = 2147483647;

export interface Installation {
  id: string;
  from: number;
  /** Null while the sensor is still there. */
  to: number | null;
  isPublic: boolean;
  description: string;
  image: string | null;
  latest: Sample | null;
  nodeId: string | null;
  roomId: string | null;
}

export function toInstallation(resource: Resource): Installation {
  const a = attributes<"Installation">(resource);
  const to = numberOrNull(a.to_timestamp_s);
  return {
    id: resource.id,
    from: numberOrNull(a.from_timestamp_s) ?? 0,
    to: to === null || to >= OPEN_END_S ? null : to,
    isPublic: a.is_public === true,
    description: text(a.description),
    image: text(a.image) || null,
    latest: toSample(a.latest_sample),
    nodeId: relatedId(resource, "node"),
    roomId: relatedId(resource, "room"),
  };
}

/** Whether it is over by then; what only begins later is not. */
export function isPast(installation: Installation, nowS: number): boolean {
  return installation.to !== null && installation.to <= nowS;
}

/** Whether a sensor is installed at that time. */
export function isActive(installation: Installation, nowS: number): boolean {
  return installation.from <= nowS && (installation.to === null || nowS < installation.to);
}

export async function fetchInstallations(
  filter: InventoryFilter = {},
  signal?: AbortSignal,
): Promise<Installation[]> {
  return (await list("installations/", filters(filter), signal)).data.map(toInstallation);
}

/** What was and is installed somewhere, with the sensors where the reader may know them. */
async function fetchSensors(
  where: InventoryFilter,
  signal?: AbortSignal,
): Promise<{ installations: Installation[]; nodes: SensorNode[] }> {
  const { data, included } = await list("installations/", { ...filters(where), include: "node" }, signal);
  return { installations: data.map(toInstallation), nodes: ofType(included, "Node").map(toNode) };
}

export const fetchRoomSensors = (room: string, signal?: AbortSignal) => fetchSensors({ room }, signal);
export const fetchSiteSensors = (site: string, signal?: AbortSignal) => fetchSensors({ site }, signal);

/** Where a sensor was and is, with the rooms and their sites. */
export async function fetchNodePlaces(
  nodeId: string,
  signal?: AbortSignal,
): Promise<{ installations: Installation[]; rooms: Room[]; sites: Site[] }> {
  const path = `nodes/${encodeURIComponent(nodeId)}/installations/`;
  const { data, included } = await list(path, { include: "room.site" }, signal);
  return {
    installations: data.map(toInstallation),
    rooms: ofType(included, "Room").map(toRoom),
    sites: ofType(included, "Site").map((site) => toSite(site, included)),
  };
}

/** A time, or the one at which the server has the request: the clock of whoever installs a sensor may be wrong. */
export type Moment = number | "now";

export interface InstallationDraft {
  nodeId: string;
  roomId: string;
  from: Moment;
  isPublic: boolean;
  description?: string;
}

/** Puts a sensor into a room; in one step with the end of where it was, so that it is never nowhere. */
export async function install(draft: InstallationDraft, before?: Installation): Promise<Installation> {
  const added: Operation = {
    op: "add",
    type: "Installation",
    attributes: {
      from_timestamp_s: draft.from,
      is_public: draft.isPublic,
      description: draft.description ?? "",
    },
    relationships: {
      node: { type: "Node", id: draft.nodeId },
      room: { type: "Room", id: draft.roomId },
    },
  };
  const results = await operate(before ? [ending(before.id, draft.from), added] : [added]);
  return toInstallation(results.at(-1)!);
}

function ending(id: string, at: Moment): Operation {
  return { op: "update", type: "Installation", id, attributes: { to_timestamp_s: at } };
}

export async function updateInstallation(
  id: string,
  attributes: Written<"Installation">,
): Promise<Installation> {
  return toInstallation((await update(`installations/${id}/`, "Installation", id, { attributes })).data);
}

export const endInstallation = (id: string) => updateInstallation(id, { to_timestamp_s: "now" });
export const reopenInstallation = (id: string) => updateInstallation(id, { to_timestamp_s: OPEN_END_S });

export interface InstallationChange {
  from: number;
  /** Null: it is still there. */
  to: number | null;
  description: string;
}

export async function mendInstallation(id: string, change: InstallationChange): Promise<void> {
  await updateInstallation(id, {
    from_timestamp_s: change.from,
    to_timestamp_s: change.to ?? OPEN_END_S,
    description: change.description,
  });
}

export const deleteInstallation = (id: string) => remove(`installations/${id}/`);

export async function uploadImage(installationId: string, file: File): Promise<void> {
  const form = new FormData();
  form.set("image", file);
  await request("PUT", `installations/${installationId}/image/`, { form });
}
