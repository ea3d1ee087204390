import { match, type Params, type Route } from "./lib/router.svelte";

export const routes: Route[] = [
  { path: "/", load: () => import("./pages/Start.svelte") },
  { path: "/sites/:id", load: () => import("./pages/Site.svelte") },
  { path: "/rooms/:id", load: () => import("./pages/Room.svelte") },
  { path: "/compare", load: () => import("./pages/Compare.svelte") },
  { path: "/embed/rooms/:room", load: () => import("./pages/Embed.svelte"), bare: true },
  { path: "/embed/:site", load: () => import("./pages/Embed.svelte"), bare: true },
  { path: "/widget", load: () => import("./pages/Embed.svelte"), bare: true },
];

const notFound: Route = { path: "", load: () => import("./pages/NotFound.svelte") };

export function routeOf(path: string): { route: Route; params: Params } {
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return { route: notFound, params: {} };
}
