// Ways to be told something, and what went over them.
import { attributes, numberOrNull, text } from "./attributes";
import { create, get, relatedId, remove, request, type Resource, update } from "./client";

export const CHANNEL_KINDS = ["email", "webhook", "ntfy", "matrix", "telegram", "slack", "teams"] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** What it takes to get to a receiver. */
export const needs: Record<ChannelKind, { address: boolean; room: boolean; token: boolean | "optional" }> = {
  email: { address: true, room: false, token: false },
  webhook: { address: true, room: false, token: false },
  ntfy: { address: true, room: false, token: "optional" },
  matrix: { address: true, room: true, token: true },
  telegram: { address: false, room: true, token: true },
  slack: { address: true, room: false, token: false },
  teams: { address: true, room: false, token: false },
};

const STATES = ["unconfirmed", "active", "disabled"] as const;
const DISABLED = ["unsubscribed", "gone", "failing"] as const;

export interface Channel {
  id: string;
  kind: ChannelKind;
  name: string;
  language: string;
  /** Where it leads, as far as it is shown. */
  target: string;
  /** Whose it is; null: the reader's own. */
  organizationId: string | null;
  organizationName: string;
  state: (typeof STATES)[number];
  disabledWhy: (typeof DISABLED)[number] | null;
  disabledAt: number | null;
  /** When its receiver failed last, and why; null: never. */
  failedAt: number | null;
  failedWhy: string;
  /** When something was first delivered after that; null: nothing yet. */
  worksSince: number | null;
  /** When its receiver took the code. */
  answeredAt: number | null;
  confirmedAt: number | null;
}

function toChannel(resource: Resource): Channel {
  const a = attributes<"NotificationChannel">(resource);
  return {
    id: resource.id,
    kind: CHANNEL_KINDS.find((one) => one === a.kind) ?? "webhook",
    name: text(a.name),
    language: text(a.language),
    target: text(a.target),
    organizationId: relatedId(resource, "organization"),
    organizationName: text(a.organization_name),
    state: STATES.find((one) => one === a.state) ?? "unconfirmed",
    disabledWhy: DISABLED.find((one) => one === a.disabled_why) ?? null,
    disabledAt: numberOrNull(a.disabled_at_s),
    failedAt: numberOrNull(a.failed_at_s),
    failedWhy: text(a.failed_why),
    worksSince: numberOrNull(a.works_since_s),
    answeredAt: numberOrNull(a.answered_at_s),
    confirmedAt: numberOrNull(a.confirmed_at_s),
  };
}

/** The reader's own, and those of organizations that they own. The list is not paged. */
export async function fetchChannels(signal?: AbortSignal): Promise<Channel[]> {
  const { data } = await request<{ data: Resource[] }>("GET", "notification-channels/", { signal });
  return data.map(toChannel);
}

/** Those by which rules of the organization, or the reader's own, are told. */
export const channelsOf = (all: readonly Channel[], organization: string, personal: boolean): Channel[] =>
  all.filter((one) => one.organizationId === (personal ? null : organization));

export async function fetchChannel(id: string, signal?: AbortSignal): Promise<Channel> {
  return toChannel((await get(`notification-channels/${encodeURIComponent(id)}/`, {}, signal)).data);
}

export interface ChannelDraft {
  kind: ChannelKind;
  name: string;
  language: string;
  address: string;
  room: string;
  token: string;
}

/** A channel with the key that signs what a webhook is sent, which is told this once. */
export interface Keyed {
  channel: Channel;
  key: string;
}

const toKeyed = (data: Resource): Keyed => ({
  channel: toChannel(data),
  key: text(attributes<"NotificationChannel">(data).signing_key),
});

/** Makes one; a code goes through it at once. organization: "" for the reader's own. */
export async function createChannel(organization: string, draft: ChannelDraft): Promise<Keyed> {
  const has = needs[draft.kind];
  const { data } = await create("notification-channels/", "NotificationChannel", {
    attributes: {
      kind: draft.kind,
      name: draft.name.trim(),
      language: draft.language,
      ...(has.address && { address: draft.address.trim() }),
      ...(has.room && { room: draft.room.trim() }),
      ...(has.token && draft.token && { token: draft.token.trim() }),
    },
    ...(organization && {
      relationships: { organization: { type: "Organization", id: organization } },
    }),
  });
  return toKeyed(data);
}

export async function renameChannel(id: string, name: string, language: string): Promise<void> {
  await update(`notification-channels/${id}/`, "NotificationChannel", id, {
    attributes: { name: name.trim(), language },
  });
}

export const deleteChannel = (id: string) => remove(`notification-channels/${id}/`);

const order = async (id: string, what: string, body?: unknown): Promise<Resource> =>
  (
    await request<{ data: Resource }>(
      "POST",
      `notification-channels/${id}/${what}/`,
      body ? { body } : undefined,
    )
  ).data;

export const sendCode = async (id: string): Promise<void> => void (await order(id, "code"));
export const sendTest = async (id: string): Promise<void> => void (await order(id, "test"));
export const rotateKey = async (id: string): Promise<Keyed> => toKeyed(await order(id, "rotate"));

/** Without a code: a webhook whose receiver has answered. */
export async function confirmChannel(id: string, code: string): Promise<Channel> {
  const data = { type: "NotificationChannel", id, attributes: code ? { code: code.trim() } : {} };
  return toChannel(await order(id, "confirm", { data }));
}

const LOG_STATES = ["waiting", "delivered", "dead", "dropped"] as const;

export interface Try {
  at: number;
  tookMs: number;
  outcome: "delivered" | "failed" | "refused";
  /** 0: there was no answer. */
  status: number;
  answer: string;
  sent: string;
}

/** What a channel was told, or is to be told. */
export interface Logged {
  id: string;
  kind: string;
  state: (typeof LOG_STATES)[number];
  why: string;
  writtenAt: number;
  dueAt: number | null;
  endedAt: number | null;
  attempts: number;
  messages: number;
  /** What happened, as programs get it. */
  data: unknown;
  /** Of one that was asked for by itself. */
  tries: Try[];
}

function toTries(value: unknown): Try[] {
  if (!Array.isArray(value)) return [];
  return (value as Record<string, unknown>[]).map((one) => ({
    at: numberOrNull(one.began_at_s) ?? 0,
    tookMs: numberOrNull(one.took_ms) ?? 0,
    outcome: one.outcome === "delivered" || one.outcome === "refused" ? one.outcome : "failed",
    status: numberOrNull(one.status) ?? 0,
    answer: text(one.answer),
    sent: text(one.sent),
  }));
}

function toLogged(resource: Resource): Logged {
  const a = attributes<"Notification">(resource);
  return {
    id: resource.id,
    kind: text(a.kind),
    state: LOG_STATES.find((one) => one === a.state) ?? "waiting",
    why: text(a.why),
    writtenAt: numberOrNull(a.written_at_s) ?? 0,
    dueAt: numberOrNull(a.due_at_s),
    endedAt: numberOrNull(a.ended_at_s),
    attempts: numberOrNull(a.attempts) ?? 0,
    messages: numberOrNull(a.messages) ?? 1,
    data: a.data,
    tries: toTries(a.tries),
  };
}

/** The newest of a channel. */
export async function fetchLog(channel: string, signal?: AbortSignal): Promise<Logged[]> {
  const { data } = await request<{ data: Resource[] }>("GET", "notifications/", {
    query: { "filter[channel]": channel, "page[size]": 50 },
    signal,
  });
  return data.map(toLogged);
}

export async function fetchLogged(id: string, signal?: AbortSignal): Promise<Logged> {
  return toLogged((await get(`notifications/${encodeURIComponent(id)}/`, {}, signal)).data);
}

export async function replay(id: string): Promise<void> {
  await request("POST", `notifications/${id}/replay/`);
}
