// The resources of the API as the pages want them: plain objects, numbers as numbers.
import type { Sample } from "../air";
import { create, get, list, page, relatedId, remove, request, update, type Resource } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
type Named = {
  [N in keyof Schemas]: Schemas[N] extends { attributes: object } ? N : never;
}[keyof Schemas];
type Names<N extends Named> = Schemas[N] extends { attributes: infer A } ? keyof A : never;

/**
 * The attributes of a resource, by the names that the description of the API gives them, so that a name that
 * is gone no longer compiles. Values are looked at nevertheless: the server may be of another version.
 */
function attributes<N extends Named>(resource: Resource): Partial<Record<Names<N>, unknown>> {
  return resource.attributes;
}
/** Attributes to be written. */
type Written<N extends Named> = Partial<Record<Names<N>, unknown>>;

export const OPEN_END_S = 2147483647;

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
  operatorId: string | null;
  address: Address | null;
}
/** What everyone may see of a site, with what its rooms measure now. */
export interface PublicSite {
  id: string;
  name: string;
  street1: string;
  city: string;
  latitude: number | null;
  longitude: number | null;
  rooms: { id: string; name: string; latest: Sample[] }[];
}
export interface Room {
  id: string;
  name: string;
  description: string;
  sizeSqm: number | null;
  heightM: number | null;
  maxOccupancy: number | null;
  siteId: string | null;
}
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
export interface Organization {
  id: string;
  name: string;
  description: string;
}
export type Role = "O" | "I";
export interface Membership {
  id: string;
  role: Role;
  userName: string;
  organizationName: string;
  userId: string | null;
  organizationId: string | null;
}
export interface User {
  id: string;
  username: string;
  email: string;
  firstName: string;
  lastName: string;
}
export interface Model {
  id: string;
  name: string;
  tradeName: string;
  manufacturer: string;
}
export interface SensorNode {
  id: string;
  eui64: string;
  alias: string;
  description: string;
  latest: Sample | null;
  sampleCount: number | null;
  modelId: string | null;
  protocolId: string | null;
}
/** Unknown, alive, missing, dead. */
export type FidelityState = "U" | "E" | "M" | "D";
export interface Fidelity {
  nodeId: string;
  state: FidelityState;
  lastContact: number | null;
  /** What node and gateway told last; null where they did not. */
  batteryPercent: number | null;
  rssiDbm: number | null;
}
export interface AirQuality {
  medal: boolean;
  /** The rules of the medal that are broken, by the server's names. */
  obstacles: string[];
  /** Of its days and hours; null where the server does not say. */
  timeZone: string | null;
  from: number;
  to: number;
  /** By weekday, Monday first; 24 hourly means in ppm, null where nothing was measured. */
  histogram: (number | null)[][] | null;
}

const DEFAULT_TIME_ZONE = "Europe/Berlin";

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
/** Decimals come as text ("21.5"). */
function numberOrNull(value: unknown): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

export function toSample(value: unknown): Sample | null {
  if (!value || typeof value !== "object") return null;
  const raw = value as Record<string, unknown>;
  const time = numberOrNull(raw.timestamp_s);
  const co2 = numberOrNull(raw.co2_ppm);
  if (time === null || co2 === null) return null;
  return {
    time,
    co2,
    temperature: numberOrNull(raw.temperature_celsius),
    humidity: numberOrNull(raw.rel_humidity_percent),
  };
}

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
    operatorId: relatedId(resource, "operator"),
    address: address ? toAddress(address) : null,
  };
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
    })),
  };
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
    siteId: relatedId(resource, "site"),
  };
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

function toOrganization(resource: Resource): Organization {
  const { id } = resource;
  const a = attributes<"Organization">(resource);
  return { id, name: text(a.name), description: text(a.description) };
}

function toMembership(resource: Resource): Membership {
  const a = attributes<"Membership">(resource);
  return {
    id: resource.id,
    role: a.role === "O" ? "O" : "I",
    userName: text(a.user_name),
    organizationName: text(a.organization_name),
    userId: relatedId(resource, "user"),
    organizationId: relatedId(resource, "organization"),
  };
}

function toUser(resource: Resource): User {
  const { id } = resource;
  const a = attributes<"User">(resource);
  return {
    id,
    username: text(a.username),
    email: text(a.email),
    firstName: text(a.first_name),
    lastName: text(a.last_name),
  };
}

function toNode(resource: Resource): SensorNode {
  const a = attributes<"Node">(resource);
  return {
    id: resource.id,
    eui64: text(a.eui64),
    alias: text(a.alias),
    description: text(a.description),
    latest: toSample(a.latest_sample),
    sampleCount: numberOrNull(a.sample_count),
    modelId: relatedId(resource, "model"),
    protocolId: relatedId(resource, "protocol"),
  };
}

/** Whether a sensor is installed at that time. */
export function isActive(installation: Installation, nowS: number): boolean {
  return installation.from <= nowS && (installation.to === null || nowS < installation.to);
}

// Reading

export async function fetchSites(organization?: string, signal?: AbortSignal): Promise<Site[]> {
  const { data, included } = await list("sites/", { "filter[organization]": organization }, signal);
  return data.map((resource) => toSite(resource, included));
}
export async function fetchSite(id: string, signal?: AbortSignal): Promise<Site> {
  const { data, included } = await get(`sites/${encodeURIComponent(id)}/`, {}, signal);
  return toSite(data, included);
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

export interface InventoryFilter {
  organization?: string;
  site?: string;
  room?: string;
}
function filters(filter: InventoryFilter): Record<string, string | undefined> {
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

export interface SeriesQuery {
  from: number;
  to: number;
  /** At most so many points, chosen so that the picture stays the same. */
  maxPoints?: number;
}
export async function fetchSeries(
  installationId: string,
  query: SeriesQuery,
  signal?: AbortSignal,
): Promise<Sample[]> {
  const { data } = await get(
    `installations/${encodeURIComponent(installationId)}/timeseries/`,
    { "filter[from]": query.from, "filter[to]": query.to, max_points: query.maxPoints },
    signal,
  );
  return samplesOf(data.attributes.samples);
}
export function samplesOf(value: unknown): Sample[] {
  if (!Array.isArray(value)) return [];
  return value.map(toSample).filter((sample) => sample !== null);
}

const WEEKDAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"] as const;

export async function fetchAirQuality(
  roomId: string,
  month?: string,
  signal?: AbortSignal,
): Promise<AirQuality> {
  const path = `rooms/${encodeURIComponent(roomId)}/airquality/${month ?? ""}`;
  const { data } = await get(path, { include_histogram: "true" }, signal);
  const a = data.attributes;
  const raw = a.airq_hist as Record<string, unknown> | null | undefined;
  const histogram =
    raw &&
    WEEKDAYS.map((day) => {
      const hours = raw[day];
      return Array.from({ length: 24 }, (_, hour) =>
        Array.isArray(hours) ? numberOrNull(hours[hour]) : null,
      );
    });
  return {
    medal: a.clean_air_medal === true,
    obstacles: Array.isArray(a.medal_obstacles) ? a.medal_obstacles.map(String) : [],
    timeZone: text(a.time_zone) || null,
    from: numberOrNull(a.from_timestamp_s) ?? 0,
    to: numberOrNull(a.to_timestamp_s) ?? 0,
    histogram: histogram ?? null,
  };
}

export async function fetchOrganization(id: string, signal?: AbortSignal): Promise<Organization> {
  return toOrganization((await get(`organizations/${encodeURIComponent(id)}/`, {}, signal)).data);
}
export async function fetchMe(signal?: AbortSignal): Promise<User> {
  return toUser((await get("auth/user/", {}, signal)).data);
}
export async function fetchUserMemberships(userId: string, signal?: AbortSignal): Promise<Membership[]> {
  const { data } = await list(`users/${encodeURIComponent(userId)}/memberships/`, {}, signal);
  return data.map(toMembership);
}
export async function fetchMembers(organization: string, signal?: AbortSignal): Promise<Membership[]> {
  const { data } = await list("memberships/", { "filter[organization]": organization }, signal);
  return data.map(toMembership);
}
export async function findUsers(email: string): Promise<User[]> {
  return (await list("users/", { "filter[search]": email })).data.map(toUser);
}
export async function fetchNodes(organization: string, signal?: AbortSignal): Promise<SensorNode[]> {
  return (await list("nodes/", { "filter[organization]": organization }, signal)).data.map(toNode);
}
export async function fetchModels(signal?: AbortSignal): Promise<Model[]> {
  const { data } = await list("models/", {}, signal);
  return data.map((resource) => {
    const a = attributes<"Model">(resource);
    return {
      id: resource.id,
      name: text(a.name),
      tradeName: text(a.trade_name),
      manufacturer: text(a.manufacturer),
    };
  });
}
export async function fetchProtocols(signal?: AbortSignal): Promise<{ id: string; identifier: string }[]> {
  const { data } = await list("protocols/", {}, signal);
  return data.map((resource) => ({
    id: resource.id,
    identifier: text(attributes<"Protocol">(resource).identifier),
  }));
}
export async function fetchFidelity(organization: string, signal?: AbortSignal): Promise<Fidelity[]> {
  const { data } = await list("fidelity/", { "filter[organization]": organization }, signal);
  return data.map((resource) => {
    const a = attributes<"Fidelity">(resource);
    return {
      nodeId: resource.id,
      state: (["E", "M", "D"] as const).find((state) => state === a.fidelity) ?? "U",
      lastContact: numberOrNull(a.last_contact_s),
      batteryPercent: numberOrNull(a.battery_percent),
      rssiDbm: numberOrNull(a.rssi_dbm),
    };
  });
}

// Writing

export interface OrganizationDraft {
  name: string;
  description: string;
}
export async function createOrganization(draft: OrganizationDraft): Promise<Organization> {
  return toOrganization((await create("organizations/", "Organization", { attributes: { ...draft } })).data);
}
export async function updateOrganization(id: string, draft: OrganizationDraft): Promise<Organization> {
  const document = await update(`organizations/${id}/`, "Organization", id, { attributes: { ...draft } });
  return toOrganization(document.data);
}
export const deleteOrganization = (id: string) => remove(`organizations/${id}/`);

export interface SiteDraft {
  name: string;
  description: string;
  timeZone: string;
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
  return { name: draft.name, description: draft.description, time_zone: draft.timeZone };
}
export async function createSite(organization: string, draft: SiteDraft): Promise<Site> {
  const address = await create("addresses/", "Address", { attributes: addressAttributes(draft) });
  const document = await create("sites/", "Site", {
    attributes: siteAttributes(draft),
    relationships: {
      address: { type: "Address", id: address.data.id },
      operator: { type: "Organization", id: organization },
    },
  });
  return toSite(document.data, [address.data]);
}
export async function updateSite(site: Site, draft: SiteDraft): Promise<void> {
  if (site.address) {
    const { id } = site.address;
    await update(`addresses/${id}/`, "Address", id, { attributes: addressAttributes(draft) });
  }
  await update(`sites/${site.id}/`, "Site", site.id, { attributes: siteAttributes(draft) });
}
export const deleteSite = (id: string) => remove(`sites/${id}/`);

export interface RoomDraft {
  name: string;
  description: string;
  sizeSqm: number | null;
  heightM: number | null;
  maxOccupancy: number | null;
}
function roomAttributes(draft: RoomDraft): Written<"Room"> {
  return {
    name: draft.name,
    description: draft.description,
    size_sqm: draft.sizeSqm?.toFixed(1) ?? null,
    height_m: draft.heightM?.toFixed(1) ?? null,
    max_occupancy: draft.maxOccupancy,
  };
}
export async function createRoom(site: string, draft: RoomDraft): Promise<Room> {
  const document = await create("rooms/", "Room", {
    attributes: roomAttributes(draft),
    relationships: { site: { type: "Site", id: site } },
  });
  return toRoom(document.data);
}
export async function updateRoom(id: string, draft: RoomDraft): Promise<void> {
  await update(`rooms/${id}/`, "Room", id, { attributes: roomAttributes(draft) });
}
export const deleteRoom = (id: string) => remove(`rooms/${id}/`);

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

export interface NodeDraft {
  id: string;
  eui64: string;
  alias: string;
  description: string;
  modelId: string;
  protocolId: string;
}
export async function createNode(organization: string, draft: NodeDraft): Promise<SensorNode> {
  const document = await create("nodes/", "Node", {
    attributes: { id: draft.id, eui64: draft.eui64, alias: draft.alias, description: draft.description },
    relationships: {
      protocol: { type: "Protocol", id: draft.protocolId },
      model: { type: "Model", id: draft.modelId },
      owner: { type: "Organization", id: organization },
    },
  });
  return toNode(document.data);
}
export async function updateNode(id: string, draft: { alias: string; description: string }): Promise<void> {
  await update(`nodes/${id}/`, "Node", id, { attributes: { ...draft } });
}

export async function addMember(organization: string, userId: string, role: Role): Promise<Membership> {
  const document = await create("memberships/", "Membership", {
    attributes: { role },
    relationships: {
      organization: { type: "Organization", id: organization },
      user: { type: "User", id: userId },
    },
  });
  return toMembership(document.data);
}
export async function setRole(membershipId: string, role: Role): Promise<void> {
  await update(`memberships/${membershipId}/`, "Membership", membershipId, { attributes: { role } });
}
export const removeMember = (membershipId: string) => remove(`memberships/${membershipId}/`);
export const logOut = () => request<unknown>("POST", "auth/logout/", {});
