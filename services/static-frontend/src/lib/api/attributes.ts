// What the resources of the API are made of: names as the description gives them, values as they come.
import type { Resource } from "./client";
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
export function attributes<N extends Named>(resource: Resource): Partial<Record<Names<N>, unknown>> {
  return resource.attributes;
}

/** Attributes to be written. */
export type Written<N extends Named> = Partial<Record<Names<N>, unknown>>;

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Decimals come as text ("21.5"). */
export function numberOrNull(value: unknown): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
