// What somebody wants to be told (rules), and what came of it (episodes).
import { attributes, numberOrNull, text, type Written } from "./attributes";
import { create, get, list, relatedId, relatedIds, remove, request, type Resource, update } from "./client";

export const CONDITIONS = ["profile", "above", "below", "swing", "silent", "faulty", "battery"] as const;
export type Condition = (typeof CONDITIONS)[number];

/** As the API names what is measured; the words for it go by the second name. */
export const QUANTITIES = {
  co2_ppm: "co2",
  temperature_celsius: "temperature",
  rel_humidity_percent: "humidity",
} as const;
export type AlertQuantity = keyof typeof QUANTITIES;

/** What a rule with a condition has to say, and may say. */
export const takes = (condition: Condition) => {
  const limit = condition === "above" || condition === "below";
  const measured = limit || condition === "profile";
  return {
    quantity: limit || condition === "swing",
    threshold: limit || condition === "swing" || condition === "battery",
    hysteresis: measured,
    duration: measured || condition === "silent" || condition === "faulty",
    occupied: measured,
  };
};

/** What a rule watches: everything of the organization, or one thing. */
export interface Scope {
  kind: "organization" | "site" | "room" | "node";
  /** Of the organization none. */
  id: string;
}

export interface AlertRule {
  id: string;
  name: string;
  /** Of the account that made it; else the organization's. */
  personal: boolean;
  enabled: boolean;
  condition: Condition;
  quantity: AlertQuantity | null;
  threshold: number | null;
  hysteresis: number | null;
  /** Seconds; null: ten minutes for what is measured, at once for the others. */
  forS: number | null;
  occupiedOnly: boolean;
  remindAfterS: number | null;
  tellRecovery: boolean;
  /** As in 22:00; empty: at no time. */
  quietFrom: string;
  quietTo: string;
  timeZone: string;
  snoozedUntil: number | null;
  template: string | null;
  scope: Scope;
  /** The channels by which it tells; none: all of whoever owns it. */
  channels: string[];
}

function scopeOf(resource: Resource): Scope {
  for (const kind of ["site", "room", "node"] as const) {
    const id = relatedId(resource, kind);
    if (id) return { kind, id };
  }
  return { kind: "organization", id: "" };
}

const conditionOf = (value: unknown): Condition => CONDITIONS.find((one) => one === value) ?? "profile";
const quantityOf = (value: unknown): AlertQuantity | null =>
  typeof value === "string" && value in QUANTITIES ? (value as AlertQuantity) : null;

function toRule(resource: Resource): AlertRule {
  const a = attributes<"AlertRule">(resource);
  return {
    id: resource.id,
    name: text(a.name),
    personal: a.personal === true,
    enabled: a.enabled === true,
    condition: conditionOf(a.condition),
    quantity: quantityOf(a.quantity),
    threshold: numberOrNull(a.threshold),
    hysteresis: numberOrNull(a.hysteresis),
    forS: numberOrNull(a.for_s),
    occupiedOnly: a.occupied_only === true,
    remindAfterS: numberOrNull(a.remind_after_s),
    tellRecovery: a.tell_recovery === true,
    quietFrom: text(a.quiet_from),
    quietTo: text(a.quiet_to),
    timeZone: text(a.time_zone),
    snoozedUntil: numberOrNull(a.snoozed_until_s),
    template: text(a.template) || null,
    scope: scopeOf(resource),
    channels: relatedIds(resource, "channels"),
  };
}

export async function fetchRules(organization: string, signal?: AbortSignal): Promise<AlertRule[]> {
  const { data } = await list("alert-rules/", { "filter[organization]": organization }, signal);
  return data.map(toRule);
}

export async function fetchRule(id: string, signal?: AbortSignal): Promise<AlertRule> {
  return toRule((await get(`alert-rules/${encodeURIComponent(id)}/`, {}, signal)).data);
}

export type RuleDraft = Omit<AlertRule, "id" | "template">;

export const newRule = (): RuleDraft => ({
  name: "",
  personal: true,
  enabled: true,
  condition: "profile",
  quantity: null,
  threshold: null,
  hysteresis: null,
  forS: null,
  occupiedOnly: true,
  remindAfterS: null,
  tellRecovery: true,
  quietFrom: "",
  quietTo: "",
  timeZone: "",
  snoozedUntil: null,
  scope: { kind: "organization", id: "" },
  channels: [],
});

const decimal = (value: number | null) => (value === null ? null : String(value));

/** What its condition does not take is not said: it is left over from another one that was chosen before. */
function ruleAttributes(draft: RuleDraft): Written<"AlertRule"> {
  const has = takes(draft.condition);
  return {
    name: draft.name.trim(),
    enabled: draft.enabled,
    condition: draft.condition,
    quantity: has.quantity ? draft.quantity : null,
    threshold: has.threshold ? decimal(draft.threshold) : null,
    hysteresis: has.hysteresis ? decimal(draft.hysteresis) : null,
    for_s: has.duration ? draft.forS : null,
    occupied_only: has.occupied && draft.occupiedOnly,
    remind_after_s: draft.remindAfterS,
    tell_recovery: draft.tellRecovery,
    quiet_from: draft.quietFrom || null,
    quiet_to: draft.quietTo || null,
    ...(draft.timeZone && { time_zone: draft.timeZone }),
    snoozed_until_s: draft.snoozedUntil,
  };
}

function ownership(organization: string, { kind, id }: Scope) {
  const types = { site: "Site", room: "Room", node: "Node" } as const;
  return {
    organization: { type: "Organization", id: organization },
    ...(kind !== "organization" && { [kind]: { type: types[kind], id } }),
  };
}

const told = ({ channels }: RuleDraft) => ({
  channels: channels.map((id) => ({ type: "NotificationChannel", id })),
});

export async function createRule(organization: string, draft: RuleDraft): Promise<AlertRule> {
  const { data } = await create("alert-rules/", "AlertRule", {
    attributes: { ...ruleAttributes(draft), personal: draft.personal },
    relationships: { ...ownership(organization, draft.scope), ...told(draft) },
  });
  return toRule(data);
}

export async function updateRule(id: string, draft: RuleDraft): Promise<void> {
  await update(`alert-rules/${id}/`, "AlertRule", id, {
    attributes: ruleAttributes(draft),
    relationships: told(draft),
  });
}

export async function enableRule(id: string, enabled: boolean): Promise<void> {
  await update(`alert-rules/${id}/`, "AlertRule", id, { attributes: { enabled } });
}

export const deleteRule = (id: string) => remove(`alert-rules/${id}/`);

/** Rules that are right for most, made by one request. */
export interface AlertTemplate {
  id: string;
  name: string;
  description: string;
}

export async function fetchTemplates(signal?: AbortSignal): Promise<AlertTemplate[]> {
  const { data } = await request<{ data: Resource[] }>("GET", "alert-templates/", { signal });
  return data.map((resource) => {
    const a = attributes<"AlertTemplate">(resource);
    return { id: resource.id, name: text(a.name), description: text(a.description) };
  });
}

export async function useTemplate(
  template: string,
  organization: string,
  personal: boolean,
  scope: Scope,
): Promise<AlertRule[]> {
  const { data } = await request<{ data: Resource[] }>("POST", `alert-templates/${template}/`, {
    body: {
      data: {
        type: "AlertTemplate",
        id: template,
        attributes: { personal },
        relationships: Object.fromEntries(
          Object.entries(ownership(organization, scope)).map(([name, one]) => [name, { data: one }]),
        ),
      },
    },
  });
  return data.map(toRule);
}

const EVENTS = ["opened", "told", "reminded", "acknowledged", "snoozed", "recovered", "closed"] as const;
const CLOSINGS = ["recovered", "unoccupied", "no_data", "not_watched", "corrected"] as const;
export type Closing = (typeof CLOSINGS)[number];

export interface EpisodeEvent {
  at: number;
  kind: (typeof EVENTS)[number];
  /** Who did it; empty: it was done by itself. */
  user: string;
  channels: string[];
  until: number | null;
  reason: Closing | null;
}

export interface Episode {
  id: string;
  ruleId: string;
  ruleName: string;
  condition: Condition;
  quantity: AlertQuantity | null;
  nodeId: string;
  sensor: string;
  roomId: string | null;
  /** Empty: nowhere. */
  room: string;
  site: string;
  openedAt: number;
  closedAt: number | null;
  closing: Closing | null;
  threshold: number | null;
  value: number | null;
  worst: number | null;
  acknowledgedAt: number | null;
  snoozedUntil: number | null;
  told: number;
  history: EpisodeEvent[];
}

const closingOf = (value: unknown): Closing | null => CLOSINGS.find((one) => one === value) ?? null;

function toEvents(value: unknown): EpisodeEvent[] {
  if (!Array.isArray(value)) return [];
  return (value as Record<string, unknown>[]).flatMap((one) => {
    const kind = EVENTS.find((known) => known === one.kind);
    if (!kind) return []; // A newer server knows more.
    return {
      kind,
      at: numberOrNull(one.at_s) ?? 0,
      user: text(one.user_name),
      channels: Array.isArray(one.channels) ? one.channels.map(String) : [],
      until: numberOrNull(one.until_s),
      reason: closingOf(one.reason),
    };
  });
}

function toEpisode(resource: Resource): Episode {
  const a = attributes<"AlertEpisode">(resource);
  return {
    id: resource.id,
    ruleId: relatedId(resource, "rule") ?? "",
    ruleName: text(a.rule_name),
    condition: conditionOf(a.condition),
    quantity: quantityOf(a.quantity),
    nodeId: relatedId(resource, "node") ?? "",
    sensor: text(a.node_alias),
    roomId: relatedId(resource, "room"),
    room: text(a.room_name),
    site: text(a.site_name),
    openedAt: numberOrNull(a.opened_at_s) ?? 0,
    closedAt: numberOrNull(a.closed_at_s),
    closing: closingOf(a.close_reason),
    threshold: numberOrNull(a.threshold),
    value: numberOrNull(a.value),
    worst: numberOrNull(a.worst),
    acknowledgedAt: numberOrNull(a.acknowledged_at_s),
    snoozedUntil: numberOrNull(a.snoozed_until_s),
    told: numberOrNull(a.tell_count) ?? 0,
    history: toEvents(a.history),
  };
}

export interface EpisodeFilter {
  organization: string;
  open: boolean;
  room?: string;
  node?: string;
  rule?: string;
}

const filtersOf = (filter: EpisodeFilter) => ({
  "filter[organization]": filter.organization,
  "filter[open]": filter.open,
  "filter[room]": filter.room,
  "filter[node]": filter.node,
  "filter[rule]": filter.rule,
});

/** The newest, and how many there are. */
export async function fetchEpisodes(
  filter: EpisodeFilter,
  size: number,
  signal?: AbortSignal,
): Promise<{ episodes: Episode[]; count: number }> {
  const document = await request<{ data: Resource[]; meta?: { pagination?: { count: number } } }>(
    "GET",
    "alert-episodes/",
    { query: { ...filtersOf(filter), sort: "-opened_at_s", "page[size]": size }, signal },
  );
  return {
    episodes: document.data.map(toEpisode),
    count: document.meta?.pagination?.count ?? document.data.length,
  };
}

export async function fetchEpisode(id: string, signal?: AbortSignal): Promise<Episode> {
  return toEpisode((await get(`alert-episodes/${encodeURIComponent(id)}/`, {}, signal)).data);
}

export async function acknowledge(id: string): Promise<Episode> {
  const { data } = await update(`alert-episodes/${id}/`, "AlertEpisode", id, {
    attributes: { acknowledged: true },
  });
  return toEpisode(data);
}

/** Nothing is told of it before then; a time that has passed takes that back. */
export async function snooze(id: string, until: number): Promise<Episode> {
  const { data } = await update(`alert-episodes/${id}/`, "AlertEpisode", id, {
    attributes: { snoozed_until_s: Math.round(until) },
  });
  return toEpisode(data);
}
