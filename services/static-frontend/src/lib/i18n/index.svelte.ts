// Words in German and English. de.ts says which messages there are; en.ts must have them all, which the
// compiler and a test see to.
import { setApiLanguage } from "../api/client";
import { de, type Key, type Messages } from "./de";
import { ageText, fill, preferredLanguage, regional, type Language } from "./language";

export type { Language };

const REMEMBERED = "clair-language";

/** Storage can be forbidden, above all inside other people's pages. */
export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Then it is not remembered.
  }
}
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

class I18n {
  language = $state<Language>("de");
  /** As dates and numbers are written there. */
  region = $derived(regional(this.language, navigator.languages));
  #messages = $state.raw<Messages>(de);

  async use(language: Language): Promise<void> {
    this.#messages = language === "de" ? de : (await import("./en")).en;
    this.language = language;
    document.documentElement.lang = language;
    setApiLanguage(language);
  }

  async choose(language: Language): Promise<void> {
    remember(REMEMBERED, language);
    await this.use(language);
  }

  /** ?lang= is for embedded pages, whose reader chose nothing. */
  start(): Promise<void> {
    const asked = new URLSearchParams(location.search).get("lang");
    return this.use(preferredLanguage(asked ?? recall(REMEMBERED), navigator.languages));
  }

  text(key: Key, values?: Record<string, string | number>): string {
    return fill(this.#messages[key], values);
  }
}

export const i18n = new I18n();

export const t = (key: Key, values?: Record<string, string | number>): string => i18n.text(key, values);

type Plural = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;

/** Chooses between "key.one" and "key.other", and fills in {n}. */
export function tn(key: Plural, n: number): string {
  return t(`${key}.${n === 1 ? "one" : "other"}` as Key, { n: formatNumber(n) });
}

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(i18n.region, {
    // Values of four digits are read as one: 1240, but 12,400.
    useGrouping: "min2",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** A time in words of the place it belongs to. */
export function formatTime(
  unixS: number,
  timeZone: string,
  style: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "short" },
): string {
  return new Intl.DateTimeFormat(i18n.region, { ...style, timeZone }).format(new Date(unixS * 1000));
}

/** A day of the reader's own: what happened to an account or a token is at no site. */
export function formatDay(unixS: number): string {
  return new Intl.DateTimeFormat(i18n.region, { dateStyle: "medium" }).format(new Date(unixS * 1000));
}

/** A date that is one of no place, as documents have it ("2026-11-29"). */
export function formatDate(date: string): string {
  return new Intl.DateTimeFormat(i18n.region, { dateStyle: "medium", timeZone: "UTC" }).format(
    new Date(date),
  );
}

/** From when to when, without saying twice what both have in common. */
export function formatPeriod(fromS: number, toS: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat(i18n.region, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone,
  });
  return format.formatRange(new Date(fromS * 1000), new Date(toS * 1000));
}

export function formatAge(unixS: number, nowS: number): string {
  return ageText(i18n.language, t("age.now"), unixS, nowS);
}
