// Sites with their addresses.
import { attributes, numberOrNull, text, type Written } from "./attributes";
import { get, list, operate, type Operation, relatedId, remove, type Resource } from "./client";

export interface Address {
  id: string;
  street1: string;
  street2: string | null;
  zip: string;
  city: string;
  latitude: number | null;
  longitude: number | null;
}

export interface Site {
  id: string;
  name: string;
  description: string;
  timeZone: string;
  /** By which norm the air in its rooms is judged; empty: that of the organization. */
  profile: string;
  band: string;
  operatorId: string | null;
  address: Address | null;
}

export const DEFAULT_TIME_ZONE = "Europe/Berlin";

function toAddress(resource: Resource): Address {
  const { id } = resource;
  const a = attributes<"Address">(resource);
  return {
    id,
    street1: text(a.street1),
    street2: text(a.street2) || null,
    zip: text(a.zip),
    city: text(a.city),
    latitude: numberOrNull(a.latitude),
    longitude: numberOrNull(a.longitude),
  };
}

export function toSite(resource: Resource, included: readonly Resource[] = []): Site {
  const a = attributes<"Site">(resource);
  const addressId = relatedId(resource, "address");
  const address = included.find((one) => one.type === "Address" && one.id === addressId);
  return {
    id: resource.id,
    name: text(a.name),
    description: text(a.description),
    timeZone: text(a.time_zone) || DEFAULT_TIME_ZONE,
    profile: text(a.verdict_profile),
    band: text(a.climate_band),
    operatorId: relatedId(resource, "operator"),
    address: address ? toAddress(address) : null,
  };
}

export async function fetchSites(organization?: string, signal?: AbortSignal): Promise<Site[]> {
  const { data, included } = await list("sites/", { "filter[organization]": organization }, signal);
  return data.map((resource) => toSite(resource, included));
}

export async function fetchSite(id: string, signal?: AbortSignal): Promise<Site> {
  const { data, included } = await get(`sites/${encodeURIComponent(id)}/`, {}, signal);
  return toSite(data, included);
}

export interface SiteDraft {
  name: string;
  description: string;
  timeZone: string;
  profile: string;
  band: string;
  street1: string;
  zip: string;
  city: string;
  latitude: number | null;
  longitude: number | null;
}

function addressAttributes(draft: SiteDraft): Written<"Address"> {
  const { street1, zip, city, latitude, longitude } = draft;
  return {
    street1,
    zip,
    city,
    latitude: latitude?.toFixed(6) ?? null,
    longitude: longitude?.toFixed(6) ?? null,
  };
}

function siteAttributes(draft: SiteDraft): Written<"Site"> {
  return {
    name: draft.name,
    description: draft.description,
    time_zone: draft.timeZone,
    verdict_profile: draft.profile || null,
    climate_band: draft.band || null,
  };
}

export async function createSite(organization: string, draft: SiteDraft): Promise<Site> {
  const [address, site] = await operate([
    { op: "add", type: "Address", lid: "address", attributes: addressAttributes(draft) },
    {
      op: "add",
      type: "Site",
      attributes: siteAttributes(draft),
      relationships: {
        address: { type: "Address", lid: "address" },
        operator: { type: "Organization", id: organization },
      },
    },
  ]);
  return toSite(site!, [address!]);
}

export async function updateSite(site: Site, draft: SiteDraft): Promise<void> {
  const operations: Operation[] = [
    { op: "update", type: "Site", id: site.id, attributes: siteAttributes(draft) },
  ];
  if (site.address) {
    const { id } = site.address;
    operations.push({ op: "update", type: "Address", id, attributes: addressAttributes(draft) });
  }
  await operate(operations);
}

export const deleteSite = (id: string) => remove(`sites/${id}/`);
