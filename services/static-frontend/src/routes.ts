import { match, type Params, type Route } from "./lib/router.svelte";

export const routes: Route[] = [
  { path: "/", load: () => import("./pages/Start.svelte") },
  { path: "/sites/:id", load: () => import("./pages/Site.svelte") },
  { path: "/rooms/:id", load: () => import("./pages/Room.svelte") },
  { path: "/rooms/:id/norms", load: () => import("./pages/Norms.svelte") },
  { path: "/compare", load: () => import("./pages/Compare.svelte") },
  { path: "/embed/rooms/:room", load: () => import("./pages/Embed.svelte"), bare: true },
  { path: "/embed/:site", load: () => import("./pages/Embed.svelte"), bare: true },
  { path: "/dashboard", load: () => import("./pages/dashboard/Home.svelte") },
  { path: "/dashboard/new", load: () => import("./pages/dashboard/Home.svelte") },
  { path: "/dashboard/account", load: () => import("./pages/dashboard/Account.svelte") },
  { path: "/dashboard/exports", load: () => import("./pages/dashboard/Exports.svelte") },
  { path: "/dashboard/reports", load: () => import("./pages/dashboard/ReportMails.svelte") },
  { path: "/dashboard/:org", load: () => import("./pages/dashboard/Rooms.svelte") },
  { path: "/dashboard/:org/sites/:site", load: () => import("./pages/dashboard/Site.svelte") },
  { path: "/dashboard/:org/sites/:site/radio", load: () => import("./pages/dashboard/Radio.svelte") },
  { path: "/dashboard/:org/sites/:site/forms", load: () => import("./pages/dashboard/Forms.svelte") },
  {
    path: "/dashboard/:org/sites/:site/forms/:form",
    load: () => import("./pages/dashboard/SiteForm.svelte"),
  },
  { path: "/dashboard/:org/rooms/:room", load: () => import("./pages/dashboard/Room.svelte") },
  { path: "/dashboard/:org/rooms/:room/norms", load: () => import("./pages/Norms.svelte") },
  { path: "/dashboard/:org/sites/:site/hours", load: () => import("./pages/dashboard/Hours.svelte") },
  { path: "/dashboard/:org/rooms/:room/hours", load: () => import("./pages/dashboard/Hours.svelte") },
  { path: "/dashboard/:org/sensors", load: () => import("./pages/dashboard/Sensors.svelte") },
  { path: "/dashboard/:org/sensors/:node", load: () => import("./pages/dashboard/Sensor.svelte") },
  { path: "/dashboard/:org/install", load: () => import("./pages/dashboard/Install.svelte") },
  { path: "/dashboard/:org/alerts", load: () => import("./pages/dashboard/Alerts.svelte") },
  { path: "/dashboard/:org/alerts/rules", load: () => import("./pages/dashboard/AlertRules.svelte") },
  { path: "/dashboard/:org/alerts/rules/:rule", load: () => import("./pages/dashboard/AlertRule.svelte") },
  { path: "/dashboard/:org/alerts/channels", load: () => import("./pages/dashboard/Channels.svelte") },
  {
    path: "/dashboard/:org/alerts/channels/:channel",
    load: () => import("./pages/dashboard/Channel.svelte"),
  },
  {
    path: "/dashboard/:org/alerts/episodes/:episode",
    load: () => import("./pages/dashboard/Episode.svelte"),
  },
  { path: "/dashboard/:org/members", load: () => import("./pages/dashboard/Members.svelte") },
  { path: "/dashboard/:org/settings", load: () => import("./pages/dashboard/Settings.svelte") },
  { path: "/dashboard/:org/settings/tokens", load: () => import("./pages/dashboard/Tokens.svelte") },
  { path: "/logout", load: () => import("./pages/dashboard/LogOut.svelte") },
  // The predecessor's pages for members and organizations.
  { path: "/org-management", load: () => import("./pages/dashboard/Home.svelte") },
  { path: "/org-management/add", load: () => import("./pages/dashboard/Home.svelte") },
];

const notFound: Route = { path: "", load: () => import("./pages/NotFound.svelte") };

export function routeOf(path: string): { route: Route; params: Params } {
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return { route: notFound, params: {} };
}
