import { cleanup, render, screen } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import VentilationCard from "../../src/components/VentilationCard.svelte";
import { clock } from "../../src/lib/clock.svelte";
import { fromWallTime } from "../../src/lib/walltime";

const fetched = vi.hoisted(() => vi.fn());
vi.mock("../../src/lib/api/client", async (actual) => ({ ...(await actual<object>()), get: fetched }));
afterEach(cleanup);

const at = (time: string) => fromWallTime(time, "Europe/Berlin")!;
const show = (over: object, now = "2026-11-30T08:00") => {
  clock.now = at(now);
  const day = { date: "2026-11-29", measured_s: 86_400, airing_count: 0, max_co2_ppm: 600, ...over };
  const attributes = { background_ppm: 430, airing_drop_ppm: 150, days: [day] };
  fetched.mockReset();
  fetched.mockResolvedValue({ data: { type: "room-ventilation", id: "1", attributes } });
  render(VentilationCard, { id: "1", timeZone: "Europe/Berlin" });
};

test("airing is told as probable, for a ventilation system looks the same", async () => {
  show({ airing_count: 2, latest_airing_timestamp_s: at("2026-11-29T11:50") });
  expect(
    await screen.findByText(/Gestern wurde vermutlich 2-mal gelüftet, zuletzt um 11:50 Uhr/),
  ).toBeTruthy();
});

test("what could have been told of airing is the service's to say", async () => {
  show({});
  expect(await screen.findByText(/vermutlich nicht gelüftet/)).toBeTruthy();
  cleanup();
  show({ max_co2_ppm: 570 });
  expect(await screen.findByText(/so wenig CO₂/)).toBeTruthy();
});

test("the last day that is known need not be yesterday", async () => {
  show({ date: "2026-11-28", airing_count: 5, latest_airing_timestamp_s: at("2026-11-28T11:50") });
  expect(await screen.findByText(/Von gestern gibt es zu wenige/)).toBeTruthy();
});

test("at the site's midnight it is another day", async () => {
  show({}, "2026-11-30T23:59");
  await screen.findByText(/vermutlich nicht gelüftet/);
  expect(fetched).toHaveBeenCalledTimes(1);
  clock.now = at("2026-11-30T23:59") + 30;
  flushSync();
  expect(fetched).toHaveBeenCalledTimes(1);
  clock.now = at("2026-12-01T00:00");
  flushSync();
  expect(fetched).toHaveBeenCalledTimes(2);
  expect(await screen.findByText(/Von gestern gibt es zu wenige/)).toBeTruthy();
});
