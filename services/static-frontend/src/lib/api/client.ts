// JSON:API over fetch: requests, errors and paging. What the resources mean is in the files beside it, by subject.
import { serverTime } from "../servertime";
import { csrfToken } from "./csrf";

export interface Identifier {
  type: string;
  id: string;
}

export interface Relationship {
  data?: Identifier | Identifier[] | null;
  links?: { related?: string };
}

export interface Resource<A = Record<string, unknown>> extends Identifier {
  attributes: A;
  relationships?: Record<string, Relationship>;
}

export interface Document<D> {
  data: D;
  included?: Resource[];
  links?: { next?: string | null };
  meta?: { pagination?: { page: number; pages: number; count: number } };
}

export interface ErrorObject {
  status?: string;
  code?: string;
  detail?: string;
  source?: { pointer?: string };
}

/** A request that was not answered with success. Status 0: there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly errors: ErrorObject[] = [],
  ) {
    super(errors[0]?.detail ?? `HTTP ${status}`);
    this.name = "ApiError";
  }

  /** What the server says of one attribute or relationship, if anything. */
  about(field: string): string | undefined {
    return this.at(field)?.detail;
  }

  /** The code of that, by which programs know it. */
  code(field: string): string | undefined {
    return this.at(field)?.code;
  }

  private at(field: string): ErrorObject | undefined {
    return this.errors.find((error) => error.source?.pointer?.endsWith(`/${field}`));
  }
}

export const MEDIA_TYPE = "application/vnd.api+json";
const BASE = "/api/v1/";
/** The largest page that the server gives. */
const PAGE_SIZE = 1000;
/** Lists longer than this are cut, so that one wrong query cannot fill a phone. */
const MAX_PAGES = 20;

export type Query = Record<string, string | number | boolean | null | undefined>;

export function apiUrl(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value != null && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return BASE + path + (text && `?${text}`);
}

let language = "de";
/** Sets the language in which the server words its errors. */
export function setApiLanguage(tag: string): void {
  language = tag;
}

export interface Options {
  query?: Query;
  body?: unknown;
  form?: FormData;
  /** Of the body and the answer; JSON:API when nothing is said. */
  media?: string;
  signal?: AbortSignal;
  /** Only whether it works is of interest: what comes then is not read. */
  unread?: boolean;
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const { media = MEDIA_TYPE } = options;
  const headers: Record<string, string> = { Accept: media, "Accept-Language": language };
  const token = method === "GET" || method === "HEAD" ? undefined : csrfToken();
  if (token) headers["X-CSRFToken"] = token;
  if (options.body !== undefined) headers["Content-Type"] = media;
  let response: Response;
  const sent = Date.now();
  try {
    response = await fetch(apiUrl(path, options.query), {
      method,
      headers,
      body: options.form ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
      signal: options.signal ?? null,
      credentials: "same-origin",
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(0);
  }
  serverTime.hearAnswer(response, sent);
  if (!response.ok) {
    throw new ApiError(response.status, await errorsOf(response));
  }
  if (options.unread) await response.body?.cancel();
  if (response.status === 204 || method === "HEAD" || options.unread) return undefined as T;
  return (await response.json()) as T;
}

async function errorsOf(response: Response): Promise<ErrorObject[]> {
  try {
    const document: unknown = await response.json();
    const errors = (document as { errors?: unknown }).errors;
    return Array.isArray(errors) ? (errors as ErrorObject[]) : [];
  } catch {
    return []; // A proxy's HTML page, or nothing: the status says what can be said.
  }
}

export async function get<T extends Resource>(
  path: string,
  query?: Query,
  signal?: AbortSignal,
): Promise<Document<T>> {
  return request<Document<T>>("GET", path, { query, signal });
}

export interface Listing<T> {
  data: T[];
  included: Resource[];
}

/** Fetches a whole list, page by page. */
export async function list<T extends Resource>(
  path: string,
  query: Query = {},
  signal?: AbortSignal,
): Promise<Listing<T>> {
  const all: Listing<T> = { data: [], included: [] };
  for (let page = 1; page <= MAX_PAGES; page++) {
    const document = await request<Document<T[]>>("GET", path, {
      query: { ...query, "page[size]": PAGE_SIZE, "page[number]": page },
      signal,
    });
    all.data.push(...document.data);
    all.included.push(...(document.included ?? []));
    if (page >= (document.meta?.pagination?.pages ?? 1)) break;
  }
  return all;
}

/** Fetches one page of a list; count is of all pages. */
export async function page(
  path: string,
  query: Query,
  size: number,
  signal?: AbortSignal,
): Promise<{ data: Resource[]; count: number }> {
  const document = await request<Document<Resource[]>>("GET", path, {
    query: { ...query, "page[size]": size },
    signal,
  });
  return { data: document.data, count: document.meta?.pagination?.count ?? document.data.length };
}

export interface Draft {
  attributes?: Record<string, unknown>;
  relationships?: Record<string, Identifier | Identifier[] | { type: string; lid: string }>;
}

function documentOf(type: string, draft: Draft, id?: string): { data: Record<string, unknown> } {
  const data: Record<string, unknown> = { type, attributes: draft.attributes ?? {} };
  if (id !== undefined) data.id = id;
  if (draft.relationships) {
    data.relationships = Object.fromEntries(
      Object.entries(draft.relationships).map(([name, identifier]) => [name, { data: identifier }]),
    );
  }
  return { data };
}

export async function create<T extends Resource>(
  path: string,
  type: string,
  draft: Draft,
): Promise<Document<T>> {
  return request<Document<T>>("POST", path, { body: documentOf(type, draft) });
}

export async function update<T extends Resource>(
  path: string,
  type: string,
  id: string,
  draft: Draft,
): Promise<Document<T>> {
  return request<Document<T>>("PATCH", path, { body: documentOf(type, draft, id) });
}

export async function remove(path: string): Promise<void> {
  await request<unknown>("DELETE", path);
}

/** One of several changes that come true together, or not at all. A lid names what an earlier one has added. */
export type Operation =
  ({ op: "add"; type: string; lid?: string } & Draft) | ({ op: "update"; type: string; id: string } & Draft);

const ATOMIC_MEDIA_TYPE = `${MEDIA_TYPE};ext="https://jsonapi.org/ext/atomic"`;

/** Does all of the operations; gives the resource of each. */
export async function operate(operations: readonly Operation[]): Promise<Resource[]> {
  const list = operations.map(({ op, ...one }) => {
    const { data } = documentOf(one.type, one, "id" in one ? one.id : undefined);
    if ("lid" in one) data.lid = one.lid;
    return { op, data };
  });
  const answer = await request<{ "atomic:results": { data: Resource }[] }>("POST", "operations/", {
    body: { "atomic:operations": list },
    media: ATOMIC_MEDIA_TYPE,
  });
  return answer["atomic:results"].map(({ data }) => data);
}

export const ofType = (resources: readonly Resource[], type: string): Resource[] =>
  resources.filter((one) => one.type === type);

/** How many there are. */
export async function count(path: string, query: Query = {}, signal?: AbortSignal): Promise<number> {
  return (await page(path, query, 1, signal)).count;
}

/** The ids of what a relationship to several leads to. */
export function relatedIds(resource: Resource, name: string): string[] {
  const data = resource.relationships?.[name]?.data;
  return Array.isArray(data) ? data.map((one) => one.id) : [];
}

export function relatedId(resource: Resource, name: string): string | null {
  const data = resource.relationships?.[name]?.data;
  return data && !Array.isArray(data) ? data.id : null;
}
