import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { i18n, recall, remember } from "./lib/i18n/index.svelte";
import { router } from "./lib/router.svelte";
import { scheme } from "./lib/scheme.svelte";

// The predecessor's widget had its address behind a hash; those links are printed and pasted everywhere.
const old = /^#\/sites\/(\d+)/.exec(location.hash);
if (location.pathname.startsWith("/widget") && old) {
  router.go(`/embed/${old[1]}${location.search}`, true);
}

const RENEWED = "clair-renewed";
// After an update, pages that are open ask for files that are gone. The new page has new ones.
addEventListener("vite:preloadError", () => {
  const renewed = Number(recall(RENEWED) ?? 0);
  if (!navigator.onLine || Date.now() - renewed < 60_000) return;
  remember(RENEWED, String(Date.now()));
  // Who cannot remember would go round and round.
  if (recall(RENEWED)) location.reload();
});

scheme.start();
await i18n.start();
mount(App, { target: document.getElementById("app")! });
