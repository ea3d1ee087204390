// Does a sensor measure rightly? What the nightly job found, and what operators did about it.
import { attributes, numberOrNull, text } from "./attributes";
import { create, get, list, relatedId, remove, type Resource } from "./client";

/** A figure, and half of its interval of 95 %. */
export interface Figure {
  value: number;
  plusMinus: number;
}

/** One with the probability that it is beyond the tolerance, and whether that is enough to tell. */
export interface Estimate extends Figure {
  probability: number;
  suspected: boolean;
}

const SILENCES = ["too_few_nights", "too_few_sensors", "never_at_rest"] as const;
const BATTERY_SILENCES = ["no_percent", "too_few_days", "no_fall"] as const;

export interface SensorHealth {
  nodeId: string;
  /** Null: not judged yet. */
  judgedAt: number | null;
  suspected: boolean;
  /** Why nothing is said against other sensors; null where something is. */
  silence: (typeof SILENCES)[number] | null;
  others: number;
  offset: Estimate | null;
  /** In 30 days. */
  drift: Estimate | null;
  step: { date: string; ppm: Figure } | null;
  /** Of fourteen nights. */
  impossibleNights: number;
  impossible: boolean;
  battery: {
    silence: (typeof BATTERY_SILENCES)[number] | null;
    days: number;
    empty: string;
    earliest: string;
    latest: string;
  };
}

function toEstimate(value: unknown): Estimate | null {
  if (typeof value !== "object" || value === null) return null;
  const a = value as Record<string, unknown>;
  const number = numberOrNull(a.value);
  if (number === null) return null;
  return {
    value: number,
    plusMinus: numberOrNull(a.plus_minus) ?? 0,
    probability: numberOrNull(a.probability) ?? 0,
    suspected: a.suspected === true,
  };
}

function toHealth(resource: Resource): SensorHealth {
  const a = attributes<"SensorHealth">(resource);
  const step = toEstimate(a.step_ppm);
  return {
    nodeId: resource.id,
    judgedAt: numberOrNull(a.judged_at_s),
    suspected: a.suspected === true,
    silence: SILENCES.find((one) => one === a.silence) ?? null,
    others: numberOrNull(a.other_sensor_count) ?? 0,
    offset: toEstimate(a.offset_ppm),
    drift: toEstimate(a.drift_ppm_per_30_days),
    step: step && { date: text(a.step_date), ppm: step },
    impossibleNights: numberOrNull(a.impossible_night_count) ?? 0,
    impossible: a.impossible === true,
    battery: {
      silence: BATTERY_SILENCES.find((one) => one === a.battery_silence) ?? null,
      days: numberOrNull(a.battery_day_count) ?? 0,
      empty: text(a.battery_empty_date),
      earliest: text(a.battery_earliest_date),
      latest: text(a.battery_latest_date),
    },
  };
}

export async function fetchHealth(organization: string, signal?: AbortSignal): Promise<SensorHealth[]> {
  return (await list("sensor-health/", { "filter[organization]": organization }, signal)).data.map(toHealth);
}

export async function fetchNodeHealth(nodeId: string, signal?: AbortSignal): Promise<SensorHealth> {
  return toHealth((await get(`sensor-health/${encodeURIComponent(nodeId)}/`, {}, signal)).data);
}

export const CALIBRATION_METHODS = ["outdoor", "gas", "comparison", "maker", "other"] as const;
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];

/** An entry of the log of a sensor. */
export interface Calibration {
  id: string;
  nodeId: string | null;
  performedAt: number;
  method: CalibrationMethod;
  /** What it told too much before; null where nobody knows. */
  offset: number | null;
  description: string;
}

function toCalibration(resource: Resource): Calibration {
  const a = attributes<"Calibration">(resource);
  return {
    id: resource.id,
    nodeId: relatedId(resource, "node"),
    performedAt: numberOrNull(a.performed_at_s) ?? 0,
    method: CALIBRATION_METHODS.find((one) => one === a.method) ?? "other",
    offset: numberOrNull(a.offset_ppm),
    description: text(a.description),
  };
}

export async function fetchCalibrations(nodeId: string, signal?: AbortSignal): Promise<Calibration[]> {
  return (await list("calibrations/", { "filter[node]": nodeId }, signal)).data.map(toCalibration);
}

export async function noteCalibration(
  nodeId: string,
  draft: Omit<Calibration, "id" | "nodeId">,
): Promise<void> {
  await create("calibrations/", "Calibration", {
    attributes: {
      performed_at_s: draft.performedAt,
      method: draft.method,
      offset_ppm: draft.offset,
      description: draft.description,
    },
    relationships: { node: { type: "Node", id: nodeId } },
  });
}

export const deleteCalibration = (id: string) => remove(`calibrations/${id}/`);
