import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serverTime } from "../../src/lib/servertime";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  serverTime.forget();
});
afterEach(() => vi.useRealTimers());

const answer = (unixS: number, age?: string) =>
  new Response(null, {
    headers: { Date: new Date(unixS * 1000).toUTCString(), ...(age ? { Age: age } : {}) },
  });

test("our clock counts until somebody knows better", () => {
  expect(serverTime.now()).toBe(1_800_000_000);
});

test("a clock that is hours off is put right, forwards and backwards", () => {
  serverTime.hearAnswer(answer(1_800_000_000 + 3 * 3600), Date.now());
  expect(serverTime.now()).toBe(1_800_000_000 + 3 * 3600);
  vi.advanceTimersByTime(60_000);
  expect(serverTime.now()).toBe(1_800_000_060 + 3 * 3600);
  serverTime.forget();
  serverTime.hearAnswer(answer(1_800_000_060 - 3 * 3600), Date.now());
  expect(serverTime.now()).toBeGreaterThan(1_800_000_058 - 3 * 3600);
  expect(serverTime.now()).toBeLessThanOrEqual(1_800_000_061 - 3 * 3600);
});

test("a slow answer tells less than a quick one, and takes nothing back", () => {
  serverTime.hear(1_800_000_100, Date.now(), Date.now());
  const before = serverTime.now();
  serverTime.hear(1_800_000_100, Date.now() - 30_000, Date.now() + 5_000);
  expect(serverTime.now()).toBe(before);
});

test("what a cache has kept says nothing", () => {
  serverTime.hearAnswer(answer(1_799_990_000, "10000"), Date.now());
  expect(serverTime.now()).toBe(1_800_000_000);
});

test("a clock that is set while the page is open is noticed", () => {
  serverTime.hear(1_800_000_000, Date.now(), Date.now());
  vi.setSystemTime(1_800_007_200_000);
  serverTime.hear(1_800_000_010, Date.now(), Date.now());
  expect(serverTime.now()).toBeLessThanOrEqual(1_800_000_011);
});
