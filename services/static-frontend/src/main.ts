import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { i18n } from "./lib/i18n/index.svelte";
import { router } from "./lib/router.svelte";
import { scheme } from "./lib/scheme.svelte";

// The predecessor's widget had its address behind a hash; those links are printed and pasted everywhere.
const old = /^#\/sites\/(\d+)/.exec(location.hash);
if (location.pathname.startsWith("/widget") && old) {
  router.go(`/embed/${old[1]}${location.search}`, true);
}

scheme.start();
await i18n.start();
mount(App, { target: document.getElementById("app")! });
