import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Share } from "../../src/lib/live/share";
import type { StreamEvent } from "../../src/lib/live/stream";

/** Pages of one browser, without the browser: messages arrive in turn. */
class Channel {
  static all: Channel[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor(readonly name: string) {
    Channel.all.push(this);
  }
  postMessage(data: unknown): void {
    for (const other of [...Channel.all]) {
      if (other !== this && other.name === this.name) setTimeout(() => other.onmessage?.({ data }), 1);
    }
  }
  close(): void {
    Channel.all = Channel.all.filter((one) => one !== this);
  }
}

/** Streams that were opened, the newest last. */
class Source {
  static all: Source[] = [];
  readonly #listeners = new Map<string, (event: { data: string; lastEventId: string }) => void>();
  closed = false;
  constructor(readonly url: string) {
    Source.all.push(this);
  }
  addEventListener(name: string, listener: (event: { data: string; lastEventId: string }) => void): void {
    this.#listeners.set(name, listener);
  }
  say(name: string, data: string, id = ""): void {
    this.#listeners.get(name)?.({ data, lastEventId: id });
  }
  close(): void {
    this.closed = true;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  Channel.all = [];
  Source.all = [];
  vi.stubGlobal("BroadcastChannel", Channel);
  vi.stubGlobal("EventSource", Source);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function page(keys: string[]): { share: Share; heard: StreamEvent[] } {
  const heard: StreamEvent[] = [];
  const share = new Share("test", "", (event) => heard.push(event));
  share.want(keys, true);
  vi.advanceTimersByTime(1000);
  return { share, heard };
}

test("eight pages of one room open one stream, and a late one hears what came a moment ago", () => {
  const first = page(["room=1"]);
  expect(Source.all).toHaveLength(1);
  const second = page(["room=1"]);
  Source.all[0]!.say("sample", "{}", "7-0");
  vi.advanceTimersByTime(10_000);
  const others = Array.from({ length: 6 }, () => page(["room=1"]));
  expect(Source.all).toHaveLength(1);
  expect(Source.all[0]!.closed).toBe(false);
  for (const { heard } of [first, second, ...others]) {
    expect(heard.map(({ name }) => name)).toContain("sample");
  }
  vi.advanceTimersByTime(60_000);
  expect(page(["room=1"]).heard, "it is long ago").toEqual([]);
});

test("a page of another room has the stream opened anew, with what is recent, and once", () => {
  page(["room=1"]);
  page(["room=1"]);
  page(["room=2"]);
  expect(Source.all).toHaveLength(2);
  expect(Source.all[1]!.url).toContain("room=1,2");
  expect(Source.all[1]!.url).toContain("recent_s");
  page(["room=2"]);
  expect(Source.all).toHaveLength(2);
});

test("when the page that listens goes, one of the others does", () => {
  const first = page(["room=1"]);
  page(["room=1"]);
  const third = page(["room=1"]);
  first.share.leave();
  vi.advanceTimersByTime(1000);
  expect(Source.all.filter(({ closed }) => !closed)).toHaveLength(1);
  Source.all.at(-1)!.say("sample", "{}", "9-0");
  vi.advanceTimersByTime(10);
  expect(third.heard.map(({ id }) => id)).toContain("9-0");
});

test("a page that comes to an open stream is told that it listens, unless the stream is silent or lost", () => {
  page(["room=1"]);
  const heardNames = () => page(["room=1"]).heard.map(({ name }) => name);
  expect(heardNames(), "before it is open").toEqual([]);
  Source.all[0]!.say("ready", "{}");
  expect(heardNames()).toEqual(["ready"]);
  vi.advanceTimersByTime(30_000);
  expect(heardNames(), "nothing for half a minute").toEqual([]);
  Source.all[0]!.say("beat", "{}");
  expect(heardNames()).toEqual(["ready"]);
  Source.all[0]!.say("error", "");
  expect(heardNames(), "lost").toEqual([]);
  expect(Source.all).toHaveLength(1);
});
