// Installations: a sensor in a room, from one time to another.
import type { Sample } from "../air";
import { attributes, numberOrNull, text, type Written } from "./attributes";
import { create, list, relatedId, remove, request, type Resource, update } from "./client";
import { filters, type InventoryFilter } from "./rooms";
import { toSample } from "./samples";

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

export async function fetchNodeInstallations(nodeId: string, signal?: AbortSignal): Promise<Installation[]> {
  const { data } = await list(`nodes/${encodeURIComponent(nodeId)}/installations/`, {}, signal);
  return data.map(toInstallation);
}

export interface InstallationDraft {
  nodeId: string;
  roomId: string;
  from: number;
  to?: number | null;
  isPublic: boolean;
  description?: string;
}

export async function createInstallation(draft: InstallationDraft): Promise<Installation> {
  const document = await create("installations/", "Installation", {
    attributes: {
      from_timestamp_s: draft.from,
      to_timestamp_s: draft.to ?? undefined,
      is_public: draft.isPublic,
      description: draft.description ?? "",
    },
    relationships: {
      node: { type: "Node", id: draft.nodeId },
      room: { type: "Room", id: draft.roomId },
    },
  });
  return toInstallation(document.data);
}

export async function updateInstallation(
  id: string,
  attributes: Written<"Installation">,
): Promise<Installation> {
  return toInstallation((await update(`installations/${id}/`, "Installation", id, { attributes })).data);
}

export const endInstallation = (id: string, at: number) => updateInstallation(id, { to_timestamp_s: at });

export const reopenInstallation = (id: string) => updateInstallation(id, { to_timestamp_s: OPEN_END_S });

export const deleteInstallation = (id: string) => remove(`installations/${id}/`);

export async function uploadImage(installationId: string, file: File): Promise<void> {
  const form = new FormData();
  form.set("image", file);
  await request("PUT", `installations/${installationId}/image/`, { form });
}
