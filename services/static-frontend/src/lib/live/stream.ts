// One stream of server-sent events for several targets.

/** What happened, as it is also told to the other pages of the browser. */
export interface StreamEvent {
  name: string;
  data: string;
  /** Where the stream has got to. */
  id: string;
}

/** "room=12", "site=5", "organization=1"; "" stands for all that is one's own. */
export type TargetKey = string;

const NAMES = ["ready", "sample", "reset", "installations", "beat", "end"];
/** Many cards of one page come one after the other. */
const SETTLE_MS = 100;
/** A page fetches what it shows, and listens then; on a slow network a while later. */
export const RECENT_S = 30;

/** The address of a stream that goes on after an event, or else begins with what is recent. */
export function streamUrl(
  server: string,
  keys: readonly TargetKey[],
  lastId: string,
  recent: boolean,
): string {
  const ids = new Map<string, string[]>();
  for (const key of keys) {
    const [name = "", id = ""] = key.split("=");
    ids.set(name, [...(ids.get(name) ?? []), id]);
  }
  const query = new URLSearchParams();
  for (const [name, list] of ids) query.set(name, list.join(","));
  if (lastId) query.set("last_event_id", lastId);
  if (recent) query.set("recent_s", String(RECENT_S));
  return `${server}/api/v1/live/?${query.toString().replaceAll("%2C", ",")}`;
}

export class Stream {
  #source: EventSource | undefined;
  #keys = "";
  #recent = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly server: string,
    private readonly told: (event: StreamEvent) => void,
    /** The id of the last event that was heard, by whomever. */
    private readonly lastId: () => string,
  ) {}

  /** Listens to these and no others; `recent`: somebody among them has only just fetched what it shows. */
  want(keys: readonly TargetKey[], recent: boolean): void {
    const wanted = [...new Set(keys)].sort().join("&");
    if (wanted === this.#keys && !recent) return;
    this.#keys = wanted;
    this.#recent ||= recent;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), SETTLE_MS);
  }

  /** Begins anew where the old connection was. */
  reopen(): void {
    clearTimeout(this.#timer);
    this.#open();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
    this.#keys = "";
  }

  #open(): void {
    this.#source?.close();
    this.#source = undefined;
    if (!this.#keys) return;
    const source = new EventSource(
      streamUrl(this.server, this.#keys.split("&"), this.lastId(), this.#recent),
    );
    this.#source = source;
    this.#recent = false;
    for (const name of NAMES) {
      source.addEventListener(name, ({ data, lastEventId }) =>
        this.told({ name, data: String(data), id: lastEventId }),
      );
    }
    source.addEventListener("error", () => this.told({ name: "lost", data: "", id: "" }));
  }
}
