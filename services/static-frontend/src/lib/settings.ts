// What the operator of this server decides for the pages, in config.json beside them.
export interface Settings {
  /** Where pictures for the map come from; null for none, and then nobody is told who looks at it. */
  tiles: { url: string; attribution: string } | null;
}

let settings: Promise<Settings> | undefined;

export function fetchSettings(): Promise<Settings> {
  settings ??= fetch("/config.json")
    .then((response): Promise<Partial<Settings>> | Partial<Settings> => (response.ok ? response.json() : {}))
    .then((given) => ({ tiles: given.tiles?.url ? given.tiles : null }))
    .catch(() => ({ tiles: null }));
  return settings;
}
