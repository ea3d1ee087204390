// Forms that laws ask for, of a site: what they ask, what Clair knows, and what was written.
import { attributes, numberOrNull, text } from "./attributes";
import { create, get, list, remove, update, type Resource } from "./client";
import type { components } from "./schema";

type Told = components["schemas"]["Told"];
type FormField = components["schemas"]["FormField"];
export type Values = components["schemas"]["FormValues"];

export interface Kind {
  id: string;
  title: Told;
  note: Told;
  source: { title: string; article: string; since_date: string; url: string };
  site: FormField[];
  room: FormField[];
}

export interface RoomValues {
  room: string;
  name: string;
  fields: Values;
}

export interface SiteForm {
  id: string;
  form: string;
  from: string;
  to: string;
  version: number;
  madeAt: number;
  page: string;
  pdf: string;
}

export interface FilledForm extends SiteForm {
  missing: number;
  fields: Values;
  rooms: RoomValues[];
  known: { fields: Values; rooms: RoomValues[] };
  versions: { version: number; made_at_s: number }[];
}

function toKind(resource: Resource): Kind {
  const a = attributes<"Form">(resource);
  return {
    id: resource.id,
    title: a.title as Kind["title"],
    note: a.note as Kind["note"],
    source: a.source as Kind["source"],
    site: a.site_fields as Kind["site"],
    room: a.room_fields as Kind["room"],
  };
}

function toForm(resource: Resource): SiteForm {
  const a = attributes<"SiteForm">(resource);
  return {
    id: resource.id,
    form: text(a.form),
    from: text(a.from_date),
    to: text(a.to_date),
    version: numberOrNull(a.version) ?? 0,
    madeAt: numberOrNull(a.made_at_s) ?? 0,
    page: text(a.page_url),
    pdf: text(a.pdf_url),
  };
}

function toFilled(resource: Resource): FilledForm {
  const a = attributes<"SiteForm">(resource);
  return {
    ...toForm(resource),
    missing: numberOrNull(a.missing_count) ?? 0,
    fields: (a.fields ?? {}) as FilledForm["fields"],
    rooms: (a.rooms ?? []) as FilledForm["rooms"],
    known: (a.known ?? { fields: {}, rooms: [] }) as FilledForm["known"],
    versions: (a.versions ?? []) as FilledForm["versions"],
  };
}

export async function fetchKinds(signal?: AbortSignal): Promise<Kind[]> {
  return (await list("forms/", {}, signal)).data.map(toKind);
}

const ofSite = (site: string) => `sites/${encodeURIComponent(site)}/forms/`;
const one = (id: string) => `site-forms/${encodeURIComponent(id)}/`;

/** Those of a site, the latest period first. */
export async function fetchSiteForms(site: string, signal?: AbortSignal): Promise<SiteForm[]> {
  return (await list(ofSite(site), {}, signal)).data.map(toForm);
}

export async function fetchSiteForm(id: string, signal?: AbortSignal): Promise<FilledForm> {
  return toFilled((await get(one(id), {}, signal)).data);
}

export async function makeSiteForm(
  site: string,
  form: string,
  from: string,
  to: string,
): Promise<FilledForm> {
  const { data } = await create(ofSite(site), "SiteForm", {
    attributes: { form, from_date: from, to_date: to },
  });
  return toFilled(data);
}

/** Writes the next version. Rooms that are missing were not looked at. */
export async function fillSiteForm(
  form: SiteForm,
  change: { fields?: Values; rooms?: RoomValues[]; refresh?: boolean },
): Promise<FilledForm> {
  const { data } = await update(one(form.id), "SiteForm", form.id, {
    attributes: { version: form.version, ...change },
  });
  return toFilled(data);
}

export const deleteSiteForm = (id: string) => remove(one(id));
