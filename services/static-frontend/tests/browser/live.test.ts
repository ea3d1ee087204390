// What is fresh is known: one stream for a browser over HTTP/1.1, silence that is noticed, ages by the
// server's clock, and nothing asked twice.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launch, open, visit } from "./browser";
import { Fixture } from "./fixture";

let browser: Browser;
let fixture: Fixture;
let base: string;

beforeAll(async () => {
  browser = await launch();
  fixture = new Fixture();
  base = await fixture.start();
});
afterEach(async () => {
  // Also of a test that has failed: its pages would go on listening.
  for (const context of browser.contexts()) await context.close();
  fixture.world.held = false;
  fixture.world.current["3"] = 640;
});
afterAll(async () => {
  await browser.close();
  await fixture.stop();
});

const co2 = (page: Page) => page.getByTestId("co2").textContent();
const live = (page: Page) => page.getByText("aktualisiert sich von selbst").waitFor();

describe("a browser has one stream, however much it shows over HTTP/1.1", () => {
  test("six rooms side by side", async () => {
    const { page, close } = await open(browser, `${base}/compare?rooms=1,2,3,4,5,6`);
    await expect.poll(() => page.getByText(/Mittel \d+ ppm/).count()).toBe(5);
    await page.getByText("In diesem Zeitraum gibt es keine Messwerte").waitFor(); // room 5 has never measured
    await expect.poll(() => fixture.listening).toBe(1);
    // There is room for another tab.
    const second = await visit(page.context(), `${base}/rooms/3`);
    await second.page.getByTestId("co2").waitFor();
    await close();
  });

  test("eight tabs, of which any may go", async () => {
    const first = await open(browser, `${base}/rooms/3`);
    const pages = [first.page];
    while (pages.length < 8) pages.push((await visit(first.page.context(), `${base}/rooms/3`)).page);
    for (const page of pages) await live(page);
    await expect.poll(() => fixture.listening).toBe(1);
    let value = 700;
    while (pages.length > 5) {
      fixture.publish("3", ++value);
      for (const page of pages) await expect.poll(() => co2(page)).toBe(String(value));
      await pages.shift()!.close();
      await expect.poll(() => fixture.listening).toBe(1);
    }
    fixture.publish("3", ++value);
    for (const page of pages) await expect.poll(() => co2(page)).toBe(String(value));
    await first.page.context().close();
    await expect.poll(() => fixture.listening).toBe(0);
  }, 240_000);

  test("eight elements on somebody else's page", async () => {
    const other: Server = createServer((_, response) => {
      const elements = Array.from({ length: 8 }, (_, i) => `<clair-room room="${(i % 6) + 1}"></clair-room>`);
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end(`<!doctype html><html lang="de"><title>x</title><link rel="icon" href="data:,">
        <script type="module" src="${base}/clair-room.js"></script>${elements.join("")}`);
    });
    await new Promise<void>((ready) => other.listen(0, "127.0.0.1", ready));
    const { page, close } = await open(browser, `http://127.0.0.1:${(other.address() as AddressInfo).port}`, {
      expect: /^third party/,
    });
    await expect.poll(() => page.getByText("ppm CO₂").count()).toBe(7);
    await expect.poll(() => fixture.listening).toBe(1);
    fixture.publish("3", 1717);
    await page.getByText("1717").waitFor();
    await close();
    other.close();
  });
});

test("a stream that somebody holds back is noticed, and the page asks", async () => {
  fixture.world.held = true;
  const { page, close } = await open(browser, "about:blank");
  await page.clock.install();
  await page.goto(`${base}/rooms/3`);
  await page.getByTestId("co2").waitFor();
  fixture.world.current["3"] = 1555;
  await page.clock.runFor(120_000);
  await expect.poll(() => co2(page)).toBe("1555");
  expect(await page.getByText("aktualisiert sich von selbst").count()).toBe(0);
  // When it flows again, that is noticed too.
  fixture.world.held = false;
  await page.clock.runFor(120_000);
  await live(page);
  await close();
});

test.each([
  ["behind", -3 * 3600],
  ["ahead", 3 * 3600],
])("a value is as old as the server says, with a clock three hours %s", async (_, offset) => {
  const { page, close } = await open(browser, "about:blank");
  await page.clock.install({ time: Date.now() + offset * 1000 });
  await page.goto(`${base}/rooms/6`); // three hours old
  await page.getByText("Der Sensor meldet sich gerade nicht", { exact: false }).waitFor();
  await page.getByText(/gemessen vor 3 Stunden/).waitFor();
  await page.goto(`${base}/rooms/2`);
  await page.getByText("Die Luft ist schlecht").waitFor();
  await page.getByText(/gemessen (vor \d+ Minuten|gerade eben)/).waitFor();
  await close();
});

test("a room page that is left open asks for nothing again", async () => {
  const { page, close } = await open(browser, "about:blank");
  await page.clock.install();
  await page.goto(`${base}/rooms/3`);
  await page.getByText("Eine typische Woche").waitFor();
  await page.getByText(/Von \d+ ppm bis/).waitFor();
  await live(page);
  // Tells how many heartbeats the page has heard.
  await page.evaluate(() => {
    const events = window as unknown as { beats: number };
    events.beats = 0;
    const channel = new BroadcastChannel(`clair-live  `);
    channel.onmessage = ({ data }: MessageEvent<{ event?: { name: string } }>) => {
      if (data.event?.name === "beat") events.beats++;
    };
  });
  const before = fixture.requests.length;
  for (let beat = 1; beat <= 120; beat++) {
    await page.clock.runFor(30_000);
    if (beat % 10 === 0) fixture.publish("3", 600 + beat);
    fixture.beat();
    await page.waitForFunction((n) => (window as unknown as { beats: number }).beats >= n, beat);
  }
  await expect.poll(() => co2(page)).toBe("720");
  expect(fixture.requests.slice(before)).toEqual([]);
  await close();
}, 240_000);
