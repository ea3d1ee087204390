// Paths to pages. Pages come in chunks of their own, so that a visitor of a room does not load the
// operators' dashboard.
import type { Component } from "svelte";

export type Params = Record<string, string>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Page = Component<any>;
export interface Route {
  /** As in "/sites/:id"; ":name" is one segment. */
  path: string;
  load: () => Promise<{ default: Page }>;
  /** Shown in somebody else's page: without our header and footer. */
  bare?: boolean;
}

export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Params = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index]!;
    if (part.startsWith(":")) {
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) return null;
  }
  return params;
}

class Location {
  path = $state(location.pathname);
  search = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.read());
    document.addEventListener("click", (event) => this.follow(event));
  }

  private read(): void {
    this.path = location.pathname;
    this.search = new URLSearchParams(location.search);
  }

  /** Paths that are not ours: managair answers them. */
  private static foreign = /^\/(api|accounts|admin|ingest|media)(\/|$)/;

  go(to: string, replace = false): void {
    const url = new URL(to, location.href);
    if (url.origin !== location.origin || Location.foreign.test(url.pathname)) {
      location.assign(url);
      return;
    }
    const samePage = url.pathname === location.pathname;
    history[replace ? "replaceState" : "pushState"](null, "", url);
    this.read();
    if (!samePage) scrollTo(0, 0);
  }

  /** Replaces the query without a new entry in the history. */
  replaceSearch(parameters: URLSearchParams): void {
    const text = parameters.toString();
    history.replaceState(null, "", location.pathname + (text && `?${text}`));
    this.read();
  }

  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link?.href || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || Location.foreign.test(url.pathname)) return;
    if (url.pathname === location.pathname && url.search === location.search && url.hash) return;
    event.preventDefault();
    this.go(link.href);
  }
}

export const router = new Location();
