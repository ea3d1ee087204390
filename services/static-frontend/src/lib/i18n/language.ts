export const LANGUAGES = ["de", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A language that was chosen goes before the browser's; what we do not speak becomes English. */
export function preferredLanguage(chosen: string | null, wanted: readonly string[]): Language {
  for (const tag of chosen ? [chosen, ...wanted] : wanted) {
    const found = LANGUAGES.find((language) => language === tag.slice(0, 2).toLowerCase());
    if (found) return found;
  }
  return "en";
}

/** How the reader's country writes dates and times in a language, where the browser says which that is. */
export function regional(language: Language, wanted: readonly string[]): string {
  return wanted.find((tag) => tag.toLowerCase().startsWith(`${language}-`)) ?? language;
}

export function fill(message: string, values: Record<string, string | number> = {}): string {
  return message.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`));
}

/** "3 minutes ago"; justNow is said of the last minute. */
export function ageText(language: Language, justNow: string, unixS: number, nowS: number): string {
  const seconds = Math.min(0, unixS - nowS);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  if (seconds > -60) return justNow;
  if (seconds > -3600) return format.format(Math.round(seconds / 60), "minute");
  if (seconds > -86_400) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}
