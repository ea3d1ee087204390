// One stream for all pages of a browser. Browsers open six connections to a server over HTTP/1.1, for all tabs
// together; a stream holds one for good. So one page listens for all, and tells the others. It is chosen over
// a channel and not by a lock, because there are no locks on plain HTTP.
import { RECENT_S, Stream, type StreamEvent, type TargetKey } from "./stream";

type Message =
  /** Is there somebody who listens? */
  | { type: "ask"; page: string }
  | { type: "lead"; page: string }
  | { type: "want"; page: string; keys: TargetKey[]; recent: boolean }
  | { type: "bye"; page: string }
  | { type: "event"; page: string; event: StreamEvent };

/** An answer from another page takes a few milliseconds; a busy one may need more. */
const ASK_MS = 150;
/** The server says something every 15 seconds: a stream that is silent for longer may be gone. */
const ALIVE_MS = 20_000;
/** Pages that say nothing for so many heartbeats are gone without a word. */
const MISSED = 3;

export class Share {
  readonly #page = crypto.getRandomValues(new Uint32Array(2)).join("-");
  readonly #others = new Map<string, { keys: TargetKey[]; missed: number }>();
  readonly #stream: Stream;
  #channel: BroadcastChannel | undefined;
  #leader = "";
  #keys: TargetKey[] = [];
  #lastId = "";
  /** What the stream of this page told a moment ago, for pages that come to it. */
  #past: { ms: number; event: StreamEvent }[] = [];
  /** When the stream of this page last said something; 0: it is not open. */
  #aliveMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly name: string,
    server: string,
    private readonly told: (event: StreamEvent) => void,
  ) {
    this.#stream = new Stream(
      server,
      (event) => {
        this.#heard(event);
        this.#aliveMs = event.name === "lost" ? 0 : Date.now();
        this.#send({ type: "event", page: this.#page, event });
        this.#keep(event);
        if (event.name === "beat") this.#forgetSilent();
      },
      () => this.#lastId,
    );
  }

  /** What this page wants to hear; nothing at all ends its part. `recent`: also what came a moment ago. */
  want(keys: TargetKey[], recent = false): void {
    this.#keys = keys;
    if (!keys.length) return this.leave();
    if (!this.#channel && !this.#leader) return this.#join();
    this.#tell(recent);
  }

  leave(): void {
    clearTimeout(this.#timer);
    this.#send({ type: "bye", page: this.#page });
    this.#channel?.close();
    this.#channel = undefined;
    this.#leader = "";
    this.#others.clear();
    this.#past = [];
    this.#close();
  }

  #close(): void {
    this.#aliveMs = 0;
    this.#stream.close();
  }

  /** Nothing was heard for a long time: whoever listens for us is stuck, or what is between. */
  revive(): void {
    if (this.#leads) this.#stream.reopen();
    else this.#lead();
  }

  get #leads(): boolean {
    return this.#leader === this.#page;
  }

  #join(): void {
    if (typeof BroadcastChannel === "undefined") return this.#lead();
    this.#channel = new BroadcastChannel(this.name);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data);
    this.#send({ type: "ask", page: this.#page });
    this.#electAfter(ASK_MS + Math.random() * ASK_MS);
  }

  #electAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lead(), ms);
  }

  #lead(): void {
    clearTimeout(this.#timer);
    this.#leader = this.#page;
    this.#send({ type: "lead", page: this.#page });
    this.#tell(true);
  }

  /** Says what is wanted, to the stream or to who has it. */
  #tell(recent = false): void {
    if (this.#leads) {
      const theirs = [...this.#others.values()].flatMap(({ keys }) => keys);
      this.#stream.want([...this.#keys, ...theirs], recent);
    } else if (this.#leader) {
      this.#send({ type: "want", page: this.#page, keys: this.#keys, recent });
    }
  }

  #receive(message: Message): void {
    const { page } = message;
    switch (message.type) {
      case "ask":
        if (this.#leads) this.#send({ type: "lead", page: this.#page });
        break;
      case "lead":
        this.#follow(page);
        break;
      case "want":
        if (this.#leads) this.#want(page, message.keys, message.recent);
        else this.#others.set(page, { keys: message.keys, missed: 0 });
        break;
      case "bye":
        this.#others.delete(page);
        if (this.#leads) this.#tell();
        else if (page === this.#leader) this.#electAfter(Math.random() * ASK_MS);
        break;
      case "event":
        if (this.#leads) return this.#follow(page);
        this.#heard(message.event);
        // The heartbeat asks who is still there.
        if (message.event.name === "beat") this.#tell();
    }
  }

  /**
   * What another page wants of the stream that is here. Where the stream hears it already, it goes on, and the
   * page is told what came while it fetched what it shows: every reopening is a request, and a gap for all.
   */
  #want(page: string, keys: TargetKey[], recent: boolean): void {
    const heard = new Set([...this.#keys, ...[...this.#others.values()].flatMap((other) => other.keys)]);
    this.#others.set(page, { keys, missed: 0 });
    if (!recent || !keys.every((key) => heard.has(key))) return this.#tell(recent);
    const now = Date.now();
    for (const { ms, event } of this.#past) {
      if (ms >= now - RECENT_S * 1000) this.#send({ type: "event", page: this.#page, event });
    }
    // The page would call itself silent until the next heartbeat.
    if (now - this.#aliveMs < ALIVE_MS) {
      this.#send({ type: "event", page: this.#page, event: { name: "ready", data: "", id: "" } });
    }
  }

  /** Samples only: what else there is to tell, the page has just fetched. */
  #keep(event: StreamEvent): void {
    const now = Date.now();
    if (event.name === "sample") this.#past.push({ ms: now, event });
    while (this.#past[0] && this.#past[0].ms < now - RECENT_S * 1000) this.#past.shift();
  }

  /** Of two who listen, the one with the smaller name goes on. */
  #follow(page: string): void {
    if (this.#leads && this.#page < page) return this.#send({ type: "lead", page: this.#page });
    clearTimeout(this.#timer);
    if (this.#leads) this.#close();
    const another = page !== this.#leader;
    this.#leader = page;
    this.#tell(another);
  }

  #heard(event: StreamEvent): void {
    if (event.id) this.#lastId = event.id;
    this.told(event);
  }

  #forgetSilent(): void {
    for (const [page, other] of this.#others) {
      if (++other.missed > MISSED) this.#others.delete(page);
    }
    this.#tell();
  }

  #send(message: Message): void {
    this.#channel?.postMessage(message);
  }
}
