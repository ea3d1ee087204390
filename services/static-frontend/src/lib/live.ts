// New values while a page is open: server-sent events, and asking again where those do not come.
import { toSample } from "./api/resources";
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
  /** Called to fetch anew: after a break of the stream, and every minute without one. */
  refetch: () => void;
  state?: (state: LiveState) => void;
}

/** Reads one event; null for what we do not understand. */
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
    return id !== undefined && id !== null && sample ? [{ installationId: String(id), sample }] : [];
  });
}

/** Listens until the returned function is called. */
export function listen(target: LiveTarget, handlers: LiveHandlers, server = ""): () => void {
  const query = new URLSearchParams(Object.entries(target).filter(([, value]) => value));
  const source = new EventSource(`${server}/api/v1/live/?${query.toString()}`);
  let broken = false;
  let timer: ReturnType<typeof setInterval> | undefined;

  const receive = (event: MessageEvent<string>) => parseLive(event.data).forEach(handlers.sample);
  source.addEventListener("sample", receive);
  source.addEventListener("message", receive);
  source.addEventListener("open", () => {
    clearInterval(timer);
    timer = undefined;
    if (broken) handlers.refetch();
    broken = false;
    handlers.state?.("live");
  });
  source.addEventListener("error", () => {
    broken = true;
    handlers.state?.("polling");
    timer ??= setInterval(handlers.refetch, POLL_MS);
  });
  // A phone that was asleep shows what was true when it fell asleep.
  const awake = () => {
    if (document.visibilityState === "visible") handlers.refetch();
  };
  document.addEventListener("visibilitychange", awake);
  return () => {
    source.close();
    clearInterval(timer);
    document.removeEventListener("visibilitychange", awake);
  };
}
