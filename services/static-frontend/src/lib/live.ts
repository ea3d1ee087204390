// New values while a page is open: server-sent events, and asking again where those do not come.
import { toSample } from "./api/samples";
import type { Sample } from "./air";

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

/** Used while there is no stream. Nodes send every few minutes; more often would only load the server. */
const POLL_MS = 60_000;

export interface LiveHandlers {
  sample: (sample: LiveSample) => void;
  /** Called to fetch anew: when the stream has lost something, and every minute without one. */
  refetch: () => void;
  state?: (state: LiveState) => void;
}

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

/** Listens until the returned function is called. */
export function listen(target: LiveTarget, handlers: LiveHandlers, server = ""): () => void {
  // The server takes one target: the narrowest.
  const name = (["room", "site", "organization"] as const).find((one) => target[one]);
  const url = `${server}/api/v1/live/?${name}=${encodeURIComponent(target[name ?? "room"] ?? "")}`;
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  const open = () => {
    source?.close();
    source = new EventSource(url);
    source.addEventListener("sample", (event) => parseLive(String(event.data)).forEach(handlers.sample));
    // The server no longer knows what we missed. (A connection that was only lost goes on after the last
    // event by itself.)
    source.addEventListener("reset", handlers.refetch);
    source.addEventListener("open", () => {
      clearInterval(timer);
      timer = undefined;
      handlers.state?.("live");
    });
    source.addEventListener("error", () => {
      handlers.state?.("polling");
      timer ??= setInterval(poll, POLL_MS);
    });
  };
  const poll = () => {
    handlers.refetch();
    // Browsers come back after a lost connection, and never after an answer that was an error.
    if (source?.readyState === EventSource.CLOSED) open();
  };
  // A phone that was asleep shows what was true when it fell asleep.
  const awake = () => {
    if (document.visibilityState === "visible") poll();
  };
  open();
  document.addEventListener("visibilitychange", awake);
  return () => {
    source?.close();
    clearInterval(timer);
    document.removeEventListener("visibilitychange", awake);
  };
}
