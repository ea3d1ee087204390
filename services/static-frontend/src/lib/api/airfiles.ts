// Signed documents about the air of a room over a period.
import { attributes, numberOrNull, text } from "./attributes";
import { create, list, remove, update, type Resource } from "./client";

export interface AirFile {
  id: string;
  /** Days by the calendar of the site; the last one is part of it. */
  from: string;
  to: string;
  profile: string;
  version: number;
  madeAt: number;
  publishedAt: number | null;
  page: string;
  document: string;
}

function toFile(resource: Resource): AirFile {
  const a = attributes<"AirFile">(resource);
  return {
    id: resource.id,
    from: text(a.from_date),
    to: text(a.to_date),
    profile: text(a.profile),
    version: numberOrNull(a.version) ?? 0,
    madeAt: numberOrNull(a.made_at_s) ?? 0,
    publishedAt: numberOrNull(a.published_at_s),
    page: text(a.page_url),
    document: text(a.document_url),
  };
}

/** Those of a room, the latest period first. */
export async function fetchAirFiles(room: string, signal?: AbortSignal): Promise<AirFile[]> {
  return (await list(`rooms/${encodeURIComponent(room)}/air-files/`, {}, signal)).data.map(toFile);
}

/** Makes one, or returns the last version where nothing is new. */
export async function makeAirFile(room: string, from: string, to: string): Promise<AirFile> {
  const { data } = await create(`rooms/${encodeURIComponent(room)}/air-files/`, "AirFile", {
    attributes: { from_date: from, to_date: to },
  });
  return toFile(data);
}

export const publishAirFile = (id: string, published: boolean) =>
  update(`air-files/${encodeURIComponent(id)}/`, "AirFile", id, { attributes: { published } });

export const deleteAirFile = (id: string) => remove(`air-files/${encodeURIComponent(id)}/`);
