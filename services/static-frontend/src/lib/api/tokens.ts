// Tokens by which scripts and Wi-Fi sensors of an organization send measurements.
import { attributes, numberOrNull, text } from "./attributes";
import { create, list, remove, type Resource } from "./client";

export interface IngestionToken {
  id: string;
  name: string;
  /** The only sensor that it writes; null for all. */
  sensor: string | null;
  maker: string;
  madeAt: number;
  lastUsedAt: number | null;
  revokedAt: number | null;
}

function toToken(resource: Resource): IngestionToken {
  const a = attributes<"IngestionToken">(resource);
  return {
    id: resource.id,
    name: text(a.name),
    sensor: text(a.node_alias) || null,
    maker: text(a.maker_name),
    madeAt: Number(a.made_at_s ?? 0),
    lastUsedAt: numberOrNull(a.last_used_at_s),
    revokedAt: numberOrNull(a.revoked_at_s),
  };
}

export async function fetchTokens(organization: string, signal?: AbortSignal): Promise<IngestionToken[]> {
  const { data } = await list("ingestion-tokens/", { "filter[organization]": organization }, signal);
  return data.map(toToken);
}

/** Makes a token; what it is, is told this once. */
export async function makeToken(organization: string, name: string, node: string): Promise<string> {
  const { data } = await create("ingestion-tokens/", "IngestionToken", {
    attributes: { name },
    relationships: {
      organization: { type: "Organization", id: organization },
      ...(node && { node: { type: "Node", id: node } }),
    },
  });
  return text(attributes<"IngestionToken">(data).token);
}

export const revokeToken = (id: string) => remove(`ingestion-tokens/${id}/`);
