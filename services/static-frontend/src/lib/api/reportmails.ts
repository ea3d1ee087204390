// Reports on the air of sites by mail: what the reader gets of each.
import { attributes, numberOrNull, text } from "./attributes";
import { get, relatedId, request, update, type Resource } from "./client";

export const REPORT_KINDS = ["week", "month"] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

/** Those of reports, which are more than those of these pages; each by its own name. */
export const REPORT_LANGUAGES = [
  { value: "de", label: "Deutsch" },
  { value: "en", label: "English" },
  { value: "fr", label: "Français" },
];

const STATES = ["waiting", "sent", "skipped", "failed"] as const;
const REASONS = ["nothing_measured", "not_wanted", "no_address", "refused", "error"] as const;

/** A report that was mailed, or is to be. */
export interface ReportMail {
  kind: ReportKind;
  firstDay: string;
  lastDay: string;
  state: (typeof STATES)[number];
  why: (typeof REASONS)[number] | null;
  endedAt: number | null;
}

/** What the reader gets of a site. */
export interface ReportSubscription {
  siteId: string;
  siteName: string;
  organizationId: string | null;
  organizationName: string;
  weekly: boolean;
  monthly: boolean;
  language: string;
  /** Where it goes; null: the account has no confirmed address. */
  address: string | null;
  nextWeekly: number | null;
  nextMonthly: number | null;
  /** The latest, the newest first. */
  mails: ReportMail[];
}

function toMails(value: unknown): ReportMail[] {
  if (!Array.isArray(value)) return [];
  return (value as Record<string, unknown>[]).map((one) => ({
    kind: one.kind === "month" ? "month" : "week",
    firstDay: text(one.first_day),
    lastDay: text(one.last_day),
    state: STATES.find((state) => state === one.state) ?? "waiting",
    why: REASONS.find((reason) => reason === one.why) ?? null,
    endedAt: numberOrNull(one.ended_at_s),
  }));
}

function toSubscription(resource: Resource): ReportSubscription {
  const a = attributes<"ReportSubscription">(resource);
  return {
    siteId: resource.id,
    siteName: text(a.site_name),
    organizationId: relatedId(resource, "organization"),
    organizationName: text(a.organization_name),
    weekly: a.weekly === true,
    monthly: a.monthly === true,
    language: text(a.language),
    address: text(a.address) || null,
    nextWeekly: numberOrNull(a.next_weekly_at_s),
    nextMonthly: numberOrNull(a.next_monthly_at_s),
    mails: toMails(a.mails),
  };
}

const path = (site: string) => `sites/${encodeURIComponent(site)}/report-subscription/`;

export async function fetchReportSubscription(
  site: string,
  signal?: AbortSignal,
): Promise<ReportSubscription> {
  return toSubscription((await get(path(site), {}, signal)).data);
}

/** All of which something comes. The list is not paged. */
export async function fetchReportSubscriptions(signal?: AbortSignal): Promise<ReportSubscription[]> {
  const { data } = await request<{ data: Resource[] }>("GET", "report-subscriptions/", { signal });
  return data.map(toSubscription);
}

export async function changeReportSubscription(
  site: string,
  change: Partial<Pick<ReportSubscription, "weekly" | "monthly" | "language">>,
): Promise<ReportSubscription> {
  const { data } = await update(path(site), "ReportSubscription", site, { attributes: change });
  return toSubscription(data);
}

/** Has the last one sent now. */
export async function sendReport(site: string, kind: ReportKind): Promise<ReportSubscription> {
  const body = { data: { type: "ReportSubscription", id: site, attributes: { kind } } };
  return toSubscription((await request<{ data: Resource }>("POST", `${path(site)}send/`, { body })).data);
}

/** The report as a page, of last month where nothing is said. */
export const reportPage = (kind: "room" | "site", id: string, language: string): string =>
  `/api/v1/${kind}s/${encodeURIComponent(id)}/report/?lang=${language}`;
