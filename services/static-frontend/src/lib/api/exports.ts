// Files of measurements that the server makes in the background.
import { attributes, numberOrNull, text, type Written } from "./attributes";
import { create, list, remove, type Resource } from "./client";
import type { TableKind, TableQuery } from "./samples";

export interface Export {
  id: string;
  name: string;
  state: "waiting" | "working" | "done" | "failed";
  why: string;
  samples: number;
  samplesDone: number;
  size: number;
  madeAt: number;
  expiresAt: number | null;
  /** Where the file is, once there is one. */
  url: string | null;
}

const STATES = ["waiting", "working", "done", "failed"] as const;

function toExport(resource: Resource): Export {
  const a = attributes<"Export">(resource);
  return {
    id: resource.id,
    name: text(a.name),
    state: STATES.find((one) => one === a.state) ?? "waiting",
    why: text(a.why),
    samples: numberOrNull(a.sample_count) ?? 0,
    samplesDone: numberOrNull(a.samples_done) ?? 0,
    size: numberOrNull(a.size_bytes) ?? 0,
    madeAt: Number(a.made_at_s ?? 0),
    expiresAt: numberOrNull(a.expires_at_s),
    url: text(a.file_url) || null,
  };
}

export async function fetchExports(signal?: AbortSignal): Promise<Export[]> {
  const { data } = await list("exports/", {}, signal);
  return data.map(toExport);
}

const TYPES = { organization: "Organization", site: "Site", room: "Room" } as const;

/** Has a table made as a file; its maker is sent a link. */
export async function makeExport(kind: TableKind, id: string, query: TableQuery): Promise<void> {
  const written: Written<"Export"> = {
    file: query.file,
    resolution: query.resolution,
    from_timestamp_s: query.from,
    to_timestamp_s: query.to,
    language: query.lang,
    mail: true,
    ...(query.file === "csv" && { for: query.for }),
    ...(query.file === "xlsx" && { sheets: query.sheets }),
  };
  const of = { type: TYPES[kind], id };
  await create("exports/", "Export", {
    attributes: written,
    relationships: kind === "room" ? { rooms: [of] } : { [kind]: of },
  });
}

export const deleteExport = (id: string) => remove(`exports/${id}/`);
