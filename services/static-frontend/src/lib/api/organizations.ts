// Organizations and who belongs to them.
import { attributes, text, type Written } from "./attributes";
import { count, create, get, list, relatedId, remove, type Resource, update } from "./client";

export interface Organization {
  id: string;
  name: string;
  description: string;
  /** By which norm the air in its rooms is judged; empty: the default one. */
  profile: string;
  band: string;
  /** An air file of each room is made when a month is over. */
  monthlyFiles: boolean;
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

function toOrganization(resource: Resource): Organization {
  const { id } = resource;
  const a = attributes<"Organization">(resource);
  return {
    id,
    name: text(a.name),
    description: text(a.description),
    profile: text(a.verdict_profile),
    band: text(a.climate_band),
    monthlyFiles: a.monthly_air_files === true,
  };
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

export async function fetchOrganization(id: string, signal?: AbortSignal): Promise<Organization> {
  return toOrganization((await get(`organizations/${encodeURIComponent(id)}/`, {}, signal)).data);
}

/** What goes with an organization when it is deleted. */
export async function countBelongings(
  id: string,
  signal?: AbortSignal,
): Promise<{ sites: number; rooms: number; nodes: number }> {
  const query = { "filter[organization]": id };
  const [sites, rooms, nodes] = await Promise.all(
    ["sites/", "rooms/", "nodes/"].map((path) => count(path, query, signal)),
  );
  return { sites: sites!, rooms: rooms!, nodes: nodes! };
}

export async function fetchUserMemberships(userId: string, signal?: AbortSignal): Promise<Membership[]> {
  const { data } = await list(`users/${encodeURIComponent(userId)}/memberships/`, {}, signal);
  return data.map(toMembership);
}

export async function fetchMembers(organization: string, signal?: AbortSignal): Promise<Membership[]> {
  const { data } = await list("memberships/", { "filter[organization]": organization }, signal);
  return data.map(toMembership);
}

export interface OrganizationDraft {
  name: string;
  description: string;
  profile?: string;
  band?: string;
  monthlyFiles?: boolean;
}

/** What is not said stays as it is. */
function organizationAttributes({
  name,
  description,
  profile,
  band,
  monthlyFiles,
}: OrganizationDraft): Written<"Organization"> {
  return {
    name,
    description,
    ...(profile !== undefined && { verdict_profile: profile || null }),
    ...(band !== undefined && { climate_band: band || null }),
    ...(monthlyFiles !== undefined && { monthly_air_files: monthlyFiles }),
  };
}

export async function createOrganization(draft: OrganizationDraft): Promise<Organization> {
  return toOrganization(
    (
      await create("organizations/", "Organization", {
        attributes: organizationAttributes(draft),
      })
    ).data,
  );
}

export async function updateOrganization(id: string, draft: OrganizationDraft): Promise<Organization> {
  const document = await update(`organizations/${id}/`, "Organization", id, {
    attributes: organizationAttributes(draft),
  });
  return toOrganization(document.data);
}

export const deleteOrganization = (id: string) => remove(`organizations/${id}/`);

/** Somebody who has not said yet whether they want to be a member. */
export interface Invitation {
  id: string;
  email: string;
  role: Role;
  expiresAt: number;
}

function toInvitation(resource: Resource): Invitation {
  const a = attributes<"Invitation">(resource);
  return {
    id: resource.id,
    email: text(a.email),
    role: a.role === "O" ? "O" : "I",
    expiresAt: Number(a.expires_at_s ?? 0),
  };
}

export async function fetchInvitations(organization: string, signal?: AbortSignal): Promise<Invitation[]> {
  const { data } = await list("invitations/", { "filter[organization]": organization }, signal);
  return data.map(toInvitation);
}

export async function invite(organization: string, email: string, role: Role): Promise<Invitation> {
  const document = await create("invitations/", "Invitation", {
    attributes: { email, role },
    relationships: { organization: { type: "Organization", id: organization } },
  });
  return toInvitation(document.data);
}

export const withdrawInvitation = (id: string) => remove(`invitations/${id}/`);

export async function setRole(membershipId: string, role: Role): Promise<void> {
  await update(`memberships/${membershipId}/`, "Membership", membershipId, { attributes: { role } });
}

export const removeMember = (membershipId: string) => remove(`memberships/${membershipId}/`);
