// The air of a room over weeks.
import { numberOrNull, text } from "./attributes";
import { get } from "./client";

export interface AirQuality {
  /** Of its days and hours; null where the server does not say. */
  timeZone: string | null;
  from: number;
  to: number;
  /** By weekday, Monday first; 24 hourly means in ppm, null where nothing was measured. */
  histogram: (number | null)[][] | null;
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
    timeZone: text(a.time_zone) || null,
    from: numberOrNull(a.from_timestamp_s) ?? 0,
    to: numberOrNull(a.to_timestamp_s) ?? 0,
    histogram: histogram ?? null,
  };
}
