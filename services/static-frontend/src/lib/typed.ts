// What people type into fields, in the page's language. Browsers would take their own, whatever the page's is.
import { parseDateTime } from "@internationalized/date";
import type { Language } from "./i18n/language";

/** The number that somebody typed, with a comma or a point; null for nothing, undefined for what is none. */
export function parseDecimal(text: string): number | null | undefined {
  const typed = text.trim().replace("−", "-");
  if (typed === "") return null;
  return /^[+-]?\d{1,15}([.,]\d{1,15})?$/.test(typed) ? Number(typed.replace(",", ".")) : undefined;
}

/** A number as it is typed: with no grouping, and all of its digits. */
export const writeDecimal = (value: number, language: Language): string =>
  value
    .toLocaleString("en", { useGrouping: false, maximumFractionDigits: 15 })
    .replace(".", language === "de" ? "," : ".");

const GERMAN = /^(\d{1,2})\.(\d{1,2})\.(\d{4}),?\s+(\d{1,2})[:.](\d{2})(?:\s*Uhr)?$/;
const ISO = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:T|,?\s+)(\d{1,2}):(\d{2})$/;

/**
 * The minute that somebody typed, as 2026-11-29T18:30; "" for nothing, undefined for what is none. German and
 * international spelling are understood in either language; those with slashes mean two things.
 */
export function parseMinute(text: string): string | undefined {
  const typed = text.trim();
  if (typed === "") return "";
  const german = GERMAN.exec(typed);
  const parts = german ? [german[3], german[2], german[1], german[4], german[5]] : ISO.exec(typed)?.slice(1);
  if (!parts) return undefined;
  const [year, month, day, hour, minute] = parts.map((part) => part!.padStart(2, "0"));
  const found = `${year}-${month}-${day}T${hour}:${minute}`;
  try {
    parseDateTime(found);
    return found;
  } catch {
    return undefined;
  }
}

/** A minute as it is typed: 29.11.2026, 18:30 or 2026-11-29 18:30. */
export function writeMinute(minute: string, language: Language): string {
  const [date, time] = minute.split("T");
  if (!date || !time) return minute;
  return language === "de" ? `${date.split("-").reverse().join(".")}, ${time}` : `${date} ${time}`;
}
