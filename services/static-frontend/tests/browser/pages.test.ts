import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { launch } from "./browser";
import { Fixture } from "./fixture";
import { shoot } from "./shots";

let browser: Browser;
let fixture: Fixture;
let base: string;

beforeAll(async () => {
  browser = await launch();
  fixture = new Fixture();
  base = await fixture.start();
});
afterAll(async () => {
  await browser.close();
  await fixture.stop();
});

test("public pages: no errors, no third parties, no violated policy, nothing wider than the screen", async () => {
  const problems = await shoot(browser, base, {
    start: "/",
    "start-found": "/?q=park",
    site: "/sites/1",
    "room-elevated": "/rooms/1",
    "room-high": "/rooms/2",
    "room-good": "/rooms/3",
    "room-stale": "/rooms/6",
    "room-absent": "/rooms/5",
    compare: "/compare?rooms=1,2,3",
    "embed-site": "/embed/1",
    "embed-room": "/embed/rooms/2",
  });
  expect(problems).toEqual([]);
}, 180_000);
