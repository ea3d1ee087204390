// <clair-room room="12"></clair-room> shows the air of one room in anybody's page.
//
//   room    the room's number (required)
//   server  where Clair is; default: where this file came from
//   lang    "de" or "en"; default: the language of the page around it
//   theme   "light" or "dark"; default: as the reader's system says
//
// The page around it may set --clair-font, --clair-surface, --clair-ink and --clair-radius. The element needs
// no style element and no style attribute, so it works under a strict content security policy.
import palette from "../../../../pkg/palette/palette.css?inline";
import { adviceFor, currentLevel, verdictOf, type Level, type Sample } from "../lib/air";
import { ApiError, MEDIA_TYPE, type Document, type Resource } from "../lib/api/client";
import { toInstallation } from "../lib/api/installations";
import { toRoom } from "../lib/api/rooms";
import { de, type Key } from "../lib/i18n/de";
import { en } from "../lib/i18n/en";
import { ageText, fill, preferredLanguage, type Language } from "../lib/i18n/language";
import { Heard } from "../lib/live/heard";
import { listen } from "../lib/live/listen";
import { representative } from "../lib/rooms";
import type { Scale } from "../lib/scale";
import { serverTime } from "../lib/servertime";

const HOME = new URL(import.meta.url).origin;

const css = `
:host { display: block; max-width: 24rem; font: 16px/1.4 var(--clair-font, system-ui, sans-serif); }
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
a { display: grid; gap: .3rem; padding: 1.1rem 1.25rem; border-radius: var(--clair-radius, 1rem); text-decoration: none;
  color: var(--clair-ink, var(--ink)); background: var(--clair-surface, var(--soft)); }
a:focus-visible { outline: 3px solid var(--level); outline-offset: 2px; }
p { margin: 0; }
.good { --level: var(--good); --soft: var(--good-soft); }
.elevated { --level: var(--elevated); --soft: var(--elevated-soft); }
.high { --level: var(--high); --soft: var(--high-soft); }
.none { --level: var(--none); --soft: var(--none-soft); }
.verdict { display: flex; gap: .5rem; align-items: center; font-weight: 600; color: var(--level); }
.verdict svg { flex: none; width: 1.4rem; height: 1.4rem; fill: currentColor; }
.ring { fill: none; stroke: currentColor; stroke-width: 2.5; stroke-dasharray: 4 3; }
.ppm { font-size: 3.4rem; line-height: 1; letter-spacing: -.04em; font-variant-numeric: tabular-nums; }
.ppm small { font-size: 1rem; letter-spacing: 0; opacity: .75; }
.soft { font-size: .9rem; opacity: .85; }
`;

const SHAPES: Record<Level, [string, Record<string, string>]> = {
  good: ["circle", { cx: "12", cy: "12", r: "10" }],
  elevated: ["path", { d: "M12 3 22 20H2Z" }],
  high: ["path", { d: "M8 2h8l6 6v8l-6 6H8l-6-6V8Z" }],
  none: ["circle", { cx: "12", cy: "12", r: "9", class: "ring" }],
};

function shape(level: Level): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const [name, attributes] = SHAPES[level];
  const form = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) form.setAttribute(key, value);
  svg.append(form);
  return svg;
}

function paragraph(className: string, ...content: (Node | string)[]): HTMLParagraphElement {
  const element = document.createElement("p");
  element.className = className;
  element.append(...content);
  return element;
}

/** Ages move on, and a value becomes old, without any news. */
const REDRAW_MS = 15_000;

export class ClairRoom extends HTMLElement {
  static readonly observedAttributes = ["room", "server", "lang", "theme"];

  #root = this.attachShadow({ mode: "open" });
  #name = "";
  #scale: Scale | null = null;
  #installations: ReturnType<typeof toInstallation>[] = [];
  #heard = new Heard();
  #recent: Sample[] = [];
  /** The status of an answer that was none, -1 without an answer. */
  #failed = 0;
  #loaded = false;
  #stop: (() => void) | undefined;
  #round = 0;

  constructor() {
    super();
    if ("adoptedStyleSheets" in Document.prototype) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(palette + css);
      this.#root.adoptedStyleSheets = [sheet];
    } else {
      // Older browsers; where a policy forbids this, the room is there in plain text.
      const style = document.createElement("style");
      style.textContent = palette + css;
      this.#root.append(style);
    }
    this.#root.append(document.createElement("a"));
  }

  connectedCallback(): void {
    this.#start();
  }
  disconnectedCallback(): void {
    this.#end();
  }
  attributeChangedCallback(name: string, old: string | null, value: string | null): void {
    if (!this.isConnected || old === value) return;
    if (name === "room" || name === "server") this.#start();
    else this.#draw();
  }

  get #server(): string {
    return (this.getAttribute("server") ?? HOME).replace(/\/$/, "");
  }
  get #language(): Language {
    const around = this.closest<HTMLElement>("[lang]")?.lang ?? null;
    return preferredLanguage(this.getAttribute("lang") ?? around, navigator.languages);
  }
  #text(key: Key, values?: Record<string, string | number>): string {
    return fill((this.#language === "de" ? de : en)[key], values);
  }

  #start(): void {
    this.#end();
    this.#loaded = false;
    this.#failed = 0;
    this.#installations = [];
    this.#recent = [];
    this.#draw();
    const room = this.getAttribute("room");
    if (!room) return;
    void this.#load();
    const timer = setInterval(() => this.#draw(), REDRAW_MS);
    const stop = listen(
      { room },
      {
        sample: ({ installationId, sample }) => {
          const newest = this.#heard.add(installationId, sample);
          if (!newest || !this.#installations.some((one) => one.id === installationId)) return;
          this.#installations = this.#heard.merge(this.#installations);
          this.#recent = [...this.#recent, sample].slice(-20);
          this.#draw();
        },
        refetch: () => void this.#load(),
      },
      this.#server,
    );
    this.#stop = () => {
      clearInterval(timer);
      stop();
    };
  }

  #end(): void {
    this.#round++;
    this.#stop?.();
    this.#stop = undefined;
  }

  async #get<D>(path: string): Promise<D> {
    const sent = Date.now();
    const response = await fetch(`${this.#server}/api/v1/${path}`, {
      headers: { Accept: MEDIA_TYPE },
      // Somebody else's page shows what everyone may see, whoever is logged in here.
      credentials: "omit",
    });
    serverTime.hearAnswer(response, sent);
    if (!response.ok) throw new ApiError(response.status);
    return ((await response.json()) as Document<never>).data;
  }

  async #load(): Promise<void> {
    const round = this.#round;
    const room = encodeURIComponent(this.getAttribute("room") ?? "");
    try {
      const [one, installations] = await Promise.all([
        this.#get<Resource>(`rooms/${room}/`),
        this.#get<Resource[]>(`rooms/${room}/installations/`),
      ]);
      if (round !== this.#round) return;
      const { name, scale } = toRoom(one);
      this.#name = name;
      this.#scale = scale;
      this.#installations = this.#heard.merge(installations.map(toInstallation));
      this.#failed = 0;
    } catch (error) {
      if (round !== this.#round) return;
      this.#failed = error instanceof ApiError ? error.status : -1;
    }
    this.#loaded = true;
    this.#draw();
  }

  #draw(): void {
    const now = serverTime.now();
    const language = this.#language;
    const number = new Intl.NumberFormat(language, { useGrouping: "min2" });
    const sample = representative(this.#installations, now);
    const level = currentLevel(sample, now, this.#scale);
    const link = document.createElement("a");
    link.className = level;
    link.lang = language;
    link.href = `${this.#server}/rooms/${this.getAttribute("room") ?? ""}`;
    link.target = "_blank";
    link.rel = "noopener";
    const problem = this.#failed !== 0 && !sample;
    const verdict = !this.#loaded
      ? this.#text("app.loading")
      : problem
        ? this.#text(this.#failed === 404 ? "embed.hidden" : "problem.server")
        : this.#text(verdictOf(sample, now, this.#scale));
    link.append(paragraph("soft", this.#name || "Clair"), paragraph("verdict", shape(level), verdict));
    if (sample) {
      const unit = document.createElement("small");
      unit.textContent = ` ${this.#text("now.unit")}`;
      const advice = adviceFor(sample, this.#recent, now, this.#scale);
      link.append(
        ...(sample.faulty ? [] : [paragraph("ppm", number.format(sample.co2), unit)]),
        paragraph(
          "soft",
          this.#text("now.measured", { age: ageText(language, this.#text("age.now"), sample.time, now) }),
        ),
      );
      if (advice !== "none") link.append(paragraph("", this.#text(`advice.${advice}`)));
    }
    this.#root.lastElementChild?.replaceWith(link);
  }
}

// The same file may be named twice on one page.
if (!customElements.get("clair-room")) customElements.define("clair-room", ClairRoom);
