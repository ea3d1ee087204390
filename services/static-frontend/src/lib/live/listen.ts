// New values while a page is open: from the stream that all pages of the browser share, and by asking again
// where that is silent.
import { csrfToken } from "../api/csrf";
import { toSample } from "../api/samples";
import type { Sample } from "../air";
import { serverTime } from "../servertime";
import { Share } from "./share";
import type { StreamEvent, TargetKey } from "./stream";

export interface LiveSample {
  installationId: string;
  sample: Sample;
}

export interface LiveTarget {
  site?: string;
  room?: string;
  organization?: string;
}

export type LiveState = "live" | "polling";

export interface LiveHandlers {
  sample: (sample: LiveSample) => void;
  /** Called to fetch anew: when the stream has lost something, and every minute without one. */
  refetch: () => void;
  state?: (state: LiveState) => void;
}

/** Used while there is no stream. Nodes send every few minutes; more often would only load the server. */
const POLL_MS = 60_000;
/** The server says something every 15 seconds. Headers alone are no sign of life: proxies let them through. */
const SILENT_MS = 40_000;
const LOOK_MS = 5_000;

/** Reads the samples of one event; none from what we do not understand. */
export function parseLive(text: string): LiveSample[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const events = Array.isArray(value) ? value : [value];
  return events.flatMap((event: Record<string, unknown> | null) => {
    const id = event?.installation_id ?? event?.installation;
    const sample = toSample(event?.sample ?? event);
    return (typeof id === "string" || typeof id === "number") && sample
      ? [{ installationId: String(id), sample }]
      : [];
  });
}

/** The narrowest of what a page names. */
function keyOf(target: LiveTarget): TargetKey {
  const name = (["room", "site", "organization"] as const).find((one) => target[one]) ?? "room";
  return `${name}=${target[name] ?? ""}`;
}

/** Those who listen on this page. */
class Listeners {
  readonly #all = new Map<LiveHandlers, TargetKey>();
  readonly #share: Share;
  #state: LiveState = "polling";
  #heardMs = 0;
  #askedMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(server: string, whose: string) {
    this.#share = new Share(`clair-live ${server} ${whose}`, server, (event) => this.#heard(event));
  }

  add(target: LiveTarget, handlers: LiveHandlers): () => void {
    if (!this.#all.size) this.#start();
    this.#all.set(handlers, keyOf(target));
    handlers.state?.(this.#state);
    this.#share.want([...this.#all.values()], true);
    return () => {
      this.#all.delete(handlers);
      this.#share.want([...this.#all.values()]);
      if (!this.#all.size) this.#stop();
    };
  }

  #start(): void {
    this.#heardMs = this.#askedMs = Date.now();
    this.#timer = setInterval(this.#look, LOOK_MS);
    document.addEventListener("visibilitychange", this.#look);
    addEventListener("pagehide", this.#rest);
    addEventListener("pageshow", this.#wake);
  }

  #stop(): void {
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    removeEventListener("pagehide", this.#rest);
    removeEventListener("pageshow", this.#wake);
    this.#become("polling");
  }

  /** Looks whether the stream is alive. After sleep, too: what is shown is what was true before it. */
  readonly #look = (): void => {
    const now = Date.now();
    if (now - this.#heardMs < SILENT_MS) return;
    this.#become("polling");
    if (document.visibilityState === "hidden" || now - this.#askedMs < POLL_MS) return;
    this.#askedMs = now;
    this.#share.revive();
    for (const { refetch } of this.#all.keys()) refetch();
  };

  /** Pages that are left may be kept as they are, and must not listen for others then. */
  readonly #rest = (): void => this.#share.leave();
  readonly #wake = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) this.#share.want([...this.#all.values()]);
    this.#look();
  };

  #heard({ name, data }: StreamEvent): void {
    if (name === "lost") return this.#become("polling");
    this.#heardMs = Date.now();
    this.#become("live");
    switch (name) {
      case "sample":
        for (const sample of parseLive(data)) for (const { sample: show } of this.#all.keys()) show(sample);
        break;
      case "beat":
        serverTime.hear(Number(/"now_s":(\d+)/.exec(data)?.[1]), this.#heardMs, this.#heardMs);
        break;
      // The server no longer knows what we missed; or there is more, or less, to see. (A connection that was
      // only lost goes on after the last event by itself.)
      case "reset":
      case "installations":
        for (const { refetch } of this.#all.keys()) refetch();
    }
  }

  #become(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const handlers of this.#all.keys()) handlers.state?.(state);
  }
}

const servers = new Map<string, Listeners>();

/** Pages of different log-ins see different things, and must not listen for one another. */
function whoListens(): string {
  try {
    return csrfToken() ?? "";
  } catch {
    return ""; // In a frame with "sandbox" there are no cookies.
  }
}

/** Listens until the returned function is called. */
export function listen(target: LiveTarget, handlers: LiveHandlers, server = ""): () => void {
  const whose = whoListens();
  const name = `${server} ${whose}`;
  let listeners = servers.get(name);
  if (!listeners) servers.set(name, (listeners = new Listeners(server, whose)));
  return listeners.add(target, handlers);
}
