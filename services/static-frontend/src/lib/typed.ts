// What people type into fields, in the page's language. Browsers would take their own, whatever the page's is.
import { parseDate } from "@internationalized/date";
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

const GERMAN = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/;
const ISO = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const CLOCK = /^(\d{1,2})(?:[:.](\d{2}))?(?:\s*Uhr)?$/i;

/**
 * The day that somebody typed, as 2026-11-29; "" for nothing, undefined for what is none. German and
 * international spelling are understood in either language; those with slashes mean two things.
 */
export function parseDay(text: string): string | undefined {
  const typed = text.trim();
  if (typed === "") return "";
  const parts = GERMAN.exec(typed)?.slice(1).reverse() ?? ISO.exec(typed)?.slice(1);
  if (!parts) return undefined;
  const found = parts.map((part) => part.padStart(2, "0")).join("-");
  try {
    parseDate(found);
    return found;
  } catch {
    return undefined;
  }
}

/** The time of day that somebody typed, from 00:00 to 24:00; "" for nothing, undefined for what is none. */
export function parseTime(text: string): string | undefined {
  const typed = text.trim();
  if (typed === "") return "";
  const [, hour, minute = "00"] = CLOCK.exec(typed) ?? [];
  if (!hour || Number(minute) > 59) return undefined;
  const found = `${hour.padStart(2, "0")}:${minute}`;
  return found <= "24:00" ? found : undefined;
}

/** The minute that somebody typed, as 2026-11-29T18:30; "" for nothing, undefined for what is none. */
export function parseMinute(text: string): string | undefined {
  const typed = text.trim();
  if (typed === "") return "";
  const [, date = "", clock = ""] = /^(\S+?)(?:T|,?\s+)(.+)$/.exec(typed) ?? [];
  const day = parseDay(date);
  const time = parseTime(clock);
  return day && time && time !== "24:00" ? `${day}T${time}` : undefined;
}

/** A day as it is typed: 29.11.2026 or 2026-11-29. */
export const writeDay = (day: string, language: Language): string =>
  language === "de" && ISO.test(day) ? day.split("-").reverse().join(".") : day;

/** A minute as it is typed: 29.11.2026, 18:30 or 2026-11-29 18:30. */
export function writeMinute(minute: string, language: Language): string {
  const [date, time] = minute.split("T");
  if (!date || !time) return minute;
  return `${writeDay(date, language)}${language === "de" ? "," : ""} ${time}`;
}
