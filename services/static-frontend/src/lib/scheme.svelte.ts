// Light or dark: as the reader's system says, unless chosen here.
import { recall, remember } from "./i18n/index.svelte";

export type Scheme = "auto" | "light" | "dark";
const REMEMBERED = "clair-scheme";

class SchemeChoice {
  choice = $state<Scheme>("auto");
  #system = $state(matchMedia("(prefers-color-scheme: dark)").matches);

  get dark(): boolean {
    return this.choice === "auto" ? this.#system : this.choice === "dark";
  }

  start(): void {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
      this.#system = event.matches;
    });
    const asked = new URLSearchParams(location.search).get("theme") ?? recall(REMEMBERED);
    this.apply(asked === "light" || asked === "dark" ? asked : "auto");
  }

  toggle(): void {
    this.apply(this.dark ? "light" : "dark");
    remember(REMEMBERED, this.choice);
  }

  private apply(choice: Scheme): void {
    this.choice = choice;
    if (choice === "auto") delete document.documentElement.dataset.scheme;
    else document.documentElement.dataset.scheme = choice;
    // The browser's own frame goes along; the two elements are for the two schemes of the system.
    for (const one of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      one.media =
        choice === "auto"
          ? `(prefers-color-scheme: ${one.id.slice(6)})`
          : one.id === `theme-${choice}`
            ? ""
            : "not all";
    }
  }
}
export const scheme = new SchemeChoice();
