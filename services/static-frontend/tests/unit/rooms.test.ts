import { expect, test } from "vitest";
import type { Sample } from "../../src/lib/air";
import type { Installation } from "../../src/lib/api/installations";
import { newRoom, type Room } from "../../src/lib/api/rooms";
import type { Site } from "../../src/lib/api/sites";
import { scales } from "./scales";
import { placeName, publicSiteState, representative, siteStates, withSample } from "../../src/lib/rooms";

const NOW = 1_700_000_000;
const sample = (co2: number, ago: number): Sample => ({
  time: NOW - ago,
  co2,
  temperature: null,
  humidity: null,
});
const installed = (id: string, latest: Sample | null, over: Partial<Installation> = {}): Installation => ({
  id,
  from: 0,
  to: null,
  isPublic: true,
  description: "",
  image: null,
  latest,
  nodeId: null,
  roomId: "1",
  ...over,
});
const room = (id: string, siteId: string, name = `Raum ${id}`): Room => ({
  ...newRoom(),
  scale: scales.uba,
  id,
  name,
  siteId,
});
const site = (id: string, name: string): Site => ({
  id,
  name,
  description: "",
  timeZone: "Europe/Berlin",
  profile: "",
  band: "",
  operatorId: null,
  address: {
    id,
    street1: "Parkstraße 12",
    street2: null,
    zip: "10439",
    city: "Berlin",
    latitude: null,
    longitude: null,
  },
});

test("of several sensors the worst fresh one speaks for the room", () => {
  const all = [
    installed("a", sample(700, 60)),
    installed("b", sample(1200, 90)),
    installed("c", sample(3000, 7200)),
  ];
  expect(representative(all, NOW)?.co2).toBe(1200);
});
test("without a fresh value the newest is shown", () => {
  expect(
    representative([installed("a", sample(3000, 9000)), installed("b", sample(500, 7200))], NOW)?.co2,
  ).toBe(500);
});
test("a sensor that was taken away says nothing", () => {
  expect(representative([installed("a", sample(900, 60), { to: NOW - 10 })], NOW)).toBeNull();
});

test("a site is as good as its worst room", () => {
  const [state] = siteStates(
    [site("1", "Schule")],
    [room("1", "1"), room("2", "1")],
    [installed("a", sample(600, 60)), installed("b", sample(2100, 60), { roomId: "2" })],
    NOW,
  );
  expect(state!.level).toBe("high");
  expect(state!.rooms.map((one) => one.level)).toEqual(["good", "high"]);
});

test("a public site is as good as the worst of what its rooms measure now", () => {
  const site = {
    id: "1",
    name: "Schule",
    street1: "Weg 1",
    city: "Berlin",
    latitude: null,
    longitude: null,
    rooms: [
      { id: "2", name: "B", latest: [sample(2300, 7200)], scale: scales.uba },
      { id: "1", name: "A", latest: [sample(600, 60), sample(1200, 60)], scale: scales.uba },
      { id: "3", name: "C", latest: [], scale: scales.uba },
    ],
  };
  expect(publicSiteState(site, NOW)).toEqual({
    site,
    levels: ["elevated", "none", "none"],
    level: "elevated",
    standing: "level.elevated",
  });
});

test("a public site whose sensor is at fault says so, as its room does", () => {
  const publicSite = (...rooms: Sample[][]) => ({
    ...{ id: "1", name: "Schule", street1: "Weg 1", city: "Berlin", latitude: null, longitude: null },
    rooms: rooms.map((latest, index) => ({ id: `${index}`, name: `${index}`, latest, scale: scales.uba })),
  });
  const faulty = { ...sample(0, 60), faulty: true };
  const beyond = { ...sample(12_000, 60), faulty: true };
  const standing = (...rooms: Sample[][]) => publicSiteState(publicSite(...rooms), NOW).standing;
  expect(standing([faulty])).toBe("verdict.faulty");
  expect(standing([], [faulty], [beyond])).toBe("verdict.beyond");
  expect(standing([faulty], [sample(700, 60)])).toBe("level.good");
  // What it was long ago is not what it is.
  expect(standing([{ ...faulty, time: NOW - 7200 }])).toBe("level.none");
  expect(standing([], [])).toBe("level.none");
});

test("a room is named with its site", () => {
  const one = room("1", "7", "Raum 202");
  const place = site("7", "Schule am Park");
  expect(placeName(one, [place])).toBe("Raum 202, Schule am Park");
  expect(placeName(one, [])).toBe("Raum 202");
  expect(placeName(undefined, [place])).toBe("");
});

test("a sample that came late does not replace a newer one", () => {
  const one = installed("a", sample(700, 60));
  expect(withSample(one, sample(900, 120)).latest!.co2).toBe(700);
  expect(withSample(one, sample(900, 0)).latest!.co2).toBe(900);
});
