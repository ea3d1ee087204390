// Nodes, which people read as sensors: what they are, and whether they report.
import type { Sample } from "../air";
import { attributes, numberOrNull, text } from "./attributes";
import { create, get, list, relatedId, remove, type Resource, update } from "./client";
import { toSample } from "./samples";

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

/** CO2 that no air has, or the same for days. */
export type SensorFault = "implausible" | "frozen";

export interface Fidelity {
  nodeId: string;
  state: FidelityState;
  /** What is wrong with what it measures, and since when. */
  fault: { kind: SensorFault; since: number } | null;
  lastContact: number | null;
  /** What node and gateway told last; null where they did not. */
  batteryPercent: number | null;
  rssiDbm: number | null;
}

export function toNode(resource: Resource): SensorNode {
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

export async function fetchNodes(organization: string, signal?: AbortSignal): Promise<SensorNode[]> {
  return (await list("nodes/", { "filter[organization]": organization }, signal)).data.map(toNode);
}

/** The sensor of one's own with a device EUI, if there is one. */
export async function fetchNodeByEui(eui64: string): Promise<SensorNode | null> {
  const { data } = await list("nodes/", { "filter[search]": eui64 });
  return data.map(toNode).find((node) => node.eui64 === eui64) ?? null;
}

export async function fetchNode(id: string, signal?: AbortSignal): Promise<SensorNode> {
  return toNode((await get(`nodes/${encodeURIComponent(id)}/`, {}, signal)).data);
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

function toFidelity(resource: Resource): Fidelity {
  const a = attributes<"Fidelity">(resource);
  const kind = (["implausible", "frozen"] as const).find((one) => one === a.fault);
  return {
    nodeId: resource.id,
    state: (["E", "M", "D"] as const).find((state) => state === a.fidelity) ?? "U",
    fault: kind ? { kind, since: numberOrNull(a.fault_since_s) ?? 0 } : null,
    lastContact: numberOrNull(a.last_contact_s),
    batteryPercent: numberOrNull(a.battery_percent),
    rssiDbm: numberOrNull(a.rssi_dbm),
  };
}

export async function fetchFidelity(organization: string, signal?: AbortSignal): Promise<Fidelity[]> {
  return (await list("fidelity/", { "filter[organization]": organization }, signal)).data.map(toFidelity);
}

export async function fetchNodeFidelity(nodeId: string, signal?: AbortSignal): Promise<Fidelity> {
  return toFidelity((await get(`fidelity/${encodeURIComponent(nodeId)}/`, {}, signal)).data);
}

export type Reception = "unknown" | "good" | "weak" | "losing";

/** How the uplinks of a node reach a gateway; null is what nobody told. */
export interface Radio {
  nodeId: string;
  /** Of the last days, as are the counts. */
  reception: Reception;
  days: number;
  uplinks: number;
  lost: number;
  meanGateways: number | null;
  /** Of the last uplink. */
  lastContact: number | null;
  spreadingFactor: number | null;
  gateways: number | null;
  rssiDbm: number | null;
  snrDb: number | null;
}

export async function fetchRadio(site: string, signal?: AbortSignal): Promise<Radio[]> {
  return (await list("radio/", { "filter[site]": site }, signal)).data.map((resource) => {
    const a = attributes<"Radio">(resource);
    return {
      nodeId: resource.id,
      reception: (["good", "weak", "losing"] as const).find((one) => one === a.reception) ?? "unknown",
      days: numberOrNull(a.days) ?? 0,
      uplinks: numberOrNull(a.uplinks) ?? 0,
      lost: numberOrNull(a.uplinks_lost) ?? 0,
      meanGateways: numberOrNull(a.mean_gateways),
      lastContact: numberOrNull(a.last_contact_s),
      spreadingFactor: numberOrNull(a.spreading_factor),
      gateways: numberOrNull(a.gateways),
      rssiDbm: numberOrNull(a.rssi_dbm),
      snrDb: numberOrNull(a.snr_db),
    };
  });
}

export const deleteNode = (id: string) => remove(`nodes/${encodeURIComponent(id)}/`);

export interface NodeDraft {
  eui64: string;
  alias: string;
  description: string;
  modelId: string;
  protocolId: string;
  /** For one that sends already; "" for none. */
  claimCode: string;
}

export async function createNode(organization: string, draft: NodeDraft): Promise<SensorNode> {
  const document = await create("nodes/", "Node", {
    attributes: {
      eui64: draft.eui64,
      alias: draft.alias,
      description: draft.description,
      claim_code: draft.claimCode || null,
    },
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
