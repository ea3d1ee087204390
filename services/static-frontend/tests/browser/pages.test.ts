import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { launch, open } from "./browser";
import { Fixture } from "./fixture";
import { equip, judge, look, picture } from "./shots";

/** Several are looked at side by side. */
vi.setConfig({ testTimeout: 300_000 });

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

const publicPages = {
  start: "/",
  "start-nothing-found": "/?q=nirgendwo",
  site: "/sites/1",
  "room-elevated": "/rooms/1",
  "room-high": "/rooms/2",
  "room-good": "/rooms/3",
  "room-stale": "/rooms/6",
  "room-absent": "/rooms/5",
  "room-norms": "/rooms/1/norms",
  "room-gone": "/rooms/999",
  compare: "/compare?rooms=1,2,3",
  "embed-site": "/embed/1",
  "embed-room": "/embed/rooms/2",
  "no-page": "/nirgends",
};
const operatorPages = {
  "dash-rooms": "/dashboard/1",
  "dash-site": "/dashboard/1/sites/1",
  "dash-site-new": "/dashboard/1/sites/new",
  "dash-room": "/dashboard/1/rooms/1",
  "dash-site-hours": "/dashboard/1/sites/1/hours",
  "dash-room-norms": "/dashboard/1/rooms/1/norms",
  "dash-room-hours": "/dashboard/1/rooms/1/hours",
  "dash-sensors": "/dashboard/1/sensors",
  "dash-radio": "/dashboard/1/sites/1/radio",
  "dash-forms": "/dashboard/1/sites/1/forms",
  "dash-form": "/dashboard/1/sites/1/forms/101",
  "dash-sensor": "/dashboard/1/sensors/00000001-0000-4000-8000-000000000000",
  "dash-sensor-faulty": "/dashboard/1/sensors/00000002-0000-4000-8000-000000000000",
  "dash-sensor-suspected": "/dashboard/1/sensors/00000003-0000-4000-8000-000000000000",
  "dash-sensor-new": "/dashboard/1/sensors/new",
  "dash-install": "/dashboard/1/install",
  "dash-install-confirm": "/dashboard/1/install?node=00000007-0000-4000-8000-000000000000&room=1",
  "dash-alerts": "/dashboard/1/alerts",
  "dash-alert": "/dashboard/1/alerts/episodes/1",
  "dash-alert-past": "/dashboard/1/alerts/episodes/3",
  "dash-rules": "/dashboard/1/alerts/rules",
  "dash-rule": "/dashboard/1/alerts/rules/3",
  "dash-rule-new": "/dashboard/1/alerts/rules/new?room=1",
  "dash-channels": "/dashboard/1/alerts/channels",
  "dash-channel": "/dashboard/1/alerts/channels/2",
  "dash-channel-unconfirmed": "/dashboard/1/alerts/channels/4",
  "dash-channel-off": "/dashboard/1/alerts/channels/3",
  "dash-members": "/dashboard/1/members",
  "dash-settings": "/dashboard/1/settings",
  "dash-tokens": "/dashboard/1/settings/tokens",
  "dash-account": "/dashboard/account",
  "dash-reports": "/dashboard/reports",
};

/** The answers of 404 and 401 are what those pages are about; the browser reports them in its console. */
const EXPECTED = /status of (404|401)/;

// Also: accessible (WCAG 2.2 AA).
describe("public pages: no errors, no third parties, no violated policy, nothing wider than the screen", () => {
  test.concurrent.each(Object.entries(publicPages))("%s", async (name, path) => {
    expect(await look(browser, base + path, name, { expect: EXPECTED })).toEqual([]);
  });
});

describe("operators' pages", () => {
  beforeAll(() => {
    fixture.world.role = "O";
  });
  afterAll(() => {
    fixture.world.role = null;
  });
  test.concurrent.each(Object.entries(operatorPages))("%s", async (name, path) => {
    expect(await look(browser, base + path, name)).toEqual([]);
  });
  test("who has no rules yet is offered some", async () => {
    fixture.world.calm = true;
    try {
      expect(await look(browser, `${base}/dashboard/1/alerts`, "dash-alerts-calm")).toEqual([]);
    } finally {
      fixture.world.calm = false;
    }
  });
  test("first steps of somebody without an organization", async () => {
    fixture.world.empty = true;
    try {
      expect(await look(browser, `${base}/dashboard`, "dash-first")).toEqual([]);
    } finally {
      fixture.world.empty = false;
    }
  });
  test("inspectors see why they cannot change anything", async () => {
    fixture.world.role = "I";
    const visit = await open(browser, `${base}/dashboard/1/rooms/1`);
    await visit.page.getByText("Ihre Rolle ist Beobachter").waitFor();
    expect(await visit.page.getByRole("button", { name: "Speichern", exact: true }).count()).toBe(0);
    expect(await visit.page.getByLabel("Name").isDisabled()).toBe(true);
    expect(await visit.page.getByRole("switch").isDisabled()).toBe(true);
    expect(await visit.page.getByRole("link", { name: "Sensor aufstellen" }).count()).toBe(0);
    fixture.world.role = "O";
    await visit.close();
  });
});

// No page has bounds of its own: 1000 ppm are what the norm of the room says.
test.each([
  ["be", "Die Luft ist verbraucht", ["900", "1200"], "unter 900 ppm: Niveau A", "erhöht"],
  ["fr-evaluation", "Die Luft ist verbraucht", ["800", "1500"], "bis 1500 ppm: Maßnahmen nötig", "erhöht"],
  [
    "de-uba",
    "Die Luft ist verbraucht",
    ["1000", "2000"],
    "unter 1000 ppm: hygienisch unbedenklich",
    "erhöht",
  ],
  ["nl-frisse-scholen", "Die Luft ist verbraucht", ["950", "1200"], "bis 950 ppm: Klasse B: gut", "erhöht"],
])(
  "the light, its bar, the heat map and the legend of a room follow %s",
  async (norm, verdict, bounds, legend, level) => {
    const before = fixture.world.current["1"]!;
    fixture.world.norm = norm;
    fixture.world.current["1"] = 1000;
    const visit = await open(browser, `${base}/rooms/1`);
    try {
      const { page } = visit;
      await page.getByText(verdict, { exact: true }).waitFor();
      expect(await page.locator(".tick").allInnerTexts()).toEqual(bounds);
      await page.getByText(legend).waitFor();
      const shades = await page.locator(".legend").innerText();
      for (const bound of bounds) expect(shades).toContain(bound);
      await page.goto(`${base}/sites/1`);
      await page.getByRole("link", { name: new RegExp(`Klassenraum 7b.*${level}`, "s") }).waitFor();
      await page.goto(`${base}/embed/rooms/1`);
      await page.getByText(verdict, { exact: true }).waitFor();
      // What is good by one norm is not by another.
      fixture.world.current["1"] = 890;
      await page.goto(`${base}/rooms/1`);
      await page
        .getByText(norm === "fr-evaluation" ? verdict : "Die Luft ist gut", { exact: true })
        .waitFor();
    } finally {
      fixture.world.norm = "de-uba";
      fixture.world.current["1"] = before;
      await visit.close();
    }
  },
);

// Schools see nothing of it; a museum reads what was wrong and how badly, and sees the band.
test("the climate for what is kept in a room is told where somebody asked for it", async () => {
  fixture.world.role = "O";
  try {
    const visit = await open(browser, `${base}/rooms/1`);
    await visit.page.getByText("Zu diesem Raum").waitFor();
    expect(await visit.page.getByText("Klima für Sammlungen").count()).toBe(0);
    fixture.world.band = "bizot";
    await visit.page.reload();
    const card = visit.page.getByRole("region", { name: "Klima für Sammlungen" });
    await card.getByText("In 9 von 716 Stunden der letzten 30 Tage (1 %)").waitFor();
    await card.getByText("8 Stunden zu trocken, bis 34,2 %").first().waitFor();
    await card.getByText("eine Stunde zu kalt, bis 15,8 °C").first().waitFor();
    await card.locator("canvas").nth(1).waitFor();
    await card.getByText("Wie beurteilt wurde").click();
    await card.getByText("8 Monate, davon 98 % gemessen. 13 Monate bräuchte es").waitFor();
    await visit.close();
    for (const [name, path] of Object.entries({
      "room-climate": "/rooms/1",
      "dash-room-climate": "/dashboard/1/rooms/1",
    }))
      expect(await look(browser, base + path, name)).toEqual([]);
    const form = await open(browser, `${base}/dashboard/1/rooms/1`);
    const choice = form.page.getByLabel("Klima für Sammlungen beurteilen nach");
    await choice.selectOption({ label: "Bizot Green Protocol: 40 bis 60 %, 16 bis 25 °C" });
    await form.close();
  } finally {
    fixture.world.band = null;
    fixture.world.role = null;
  }
});

// 320 px are what is left of 1280 px at 400 % (WCAG 1.4.10); 44 px is what a thumb hits.
test("at 320 px nothing is cut off, and what is pressed is large enough", async () => {
  fixture.world.role = "O";
  const visit = await open(browser, base, { viewport: { width: 320, height: 640 }, expect: EXPECTED });
  const problems: string[] = [];
  for (const path of Object.values({ ...publicPages, ...operatorPages })) {
    await visit.page.goto(base + path);
    await visit.page.locator("h1").first().waitFor({ state: "attached" });
    await visit.page.locator('[role="status"] .bone').first().waitFor({ state: "detached" });
    problems.push(
      ...(await visit.page.evaluate((of) => {
        const small = [
          ...document.querySelectorAll<HTMLElement>("button:not([role]), a.button, select, input, summary"),
        ]
          .filter((one) => one.checkVisibility() && !one.closest(".visually-hidden, .file, .switch"))
          .filter((one) => one.getBoundingClientRect().height < 43.5)
          .map(
            (one) =>
              `${of}: ${one.tagName} "${one.innerText}" is ${one.getBoundingClientRect().height} px high`,
          );
        const over = document.documentElement.scrollWidth - innerWidth;
        return over > 0 ? [...small, `${of}: ${over} px too wide`] : small;
      }, path)),
    );
  }
  expect(problems).toEqual([]);
  fixture.world.role = null;
  await visit.close();
});

test("times of use are typed in the page's language, whatever the browser's is", async () => {
  fixture.world.role = "O";
  const { page, problems, close } = await open(browser, `${base}/dashboard/1/sites/1/hours`);
  const begin = page.getByLabel("Beginn, Montag").first();
  await begin.fill("halb neun");
  await begin.blur();
  await page.getByText("So geht es: 08:30").waitFor();
  await picture(page, "dash-site-hours-unreadable");
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await picture(page, "dash-site-hours-unreadable-narrow");
  await begin.fill("8.30 Uhr");
  expect(await page.getByRole("alert").count()).toBe(0);
  expect(await page.getByLabel("Erster Tag").first().inputValue()).toBe("21.12.2026");
  const last = page.getByLabel("Letzter Tag", { exact: false }).and(page.getByRole("textbox")).first();
  await last.fill("20.12.2026");
  await last.blur();
  await page.getByText("Erlaubt ist ab 21.12.2026.").waitFor();
  expect(problems).toEqual([]);
  await close();
  fixture.world.role = null;
});

test("somebody who is not logged in comes back after the log-in", async () => {
  const visit = await open(browser, `${base}/dashboard/1/sensors`, { expect: EXPECTED });
  await visit.page.waitForURL(/\/accounts\/login\//);
  expect(new URL(visit.page.url()).searchParams.get("next")).toBe("/dashboard/1/sensors");
  await visit.close();
});

test("the operator is told which sensor is faulty, and why", async () => {
  fixture.world.role = "I";
  try {
    const visit = await open(browser, `${base}/dashboard/1/sensors`, { expect: EXPECTED });
    await visit.page.getByText("1 Sensor sendet, ist aber gestört.").waitFor();
    // The first of all.
    const first = visit.page.locator("ul.plain > li").first();
    expect(await first.innerText()).toMatch(/^gestört\s+Sensor 2/);
    await first.getByRole("link").click();
    await visit.page.getByText(/CO₂-Werte, die keine Luft hat.* zuerst vor 2 Stunden\./).waitFor();
    await visit.close();
  } finally {
    fixture.world.role = null;
  }
});

describe("room page", () => {
  test("shows value, level in words, age, trend and advice", async () => {
    const { page, close } = await open(browser, `${base}/rooms/2`);
    await page.getByText("Die Luft ist schlecht").waitFor();
    expect(await page.getByTestId("co2").textContent()).toBe("2310");
    await page.getByText("Jetzt lüften").waitFor();
    await page.getByText("steigt").waitFor();
    await page.getByText(/gemessen vor \d+ Minuten/).waitFor();
    await close();
  });

  test("takes over a new value without reloading", async () => {
    const { page, close } = await open(browser, `${base}/rooms/3`);
    await page.getByText("aktualisiert sich von selbst").waitFor();
    fixture.publish("3", 2222);
    await page.getByText("Die Luft ist schlecht").waitFor();
    expect(await page.getByTestId("co2").textContent()).toBe("2222");
    await close();
    fixture.world.current["3"] = 640;
  });

  test("an old value is not passed off as the air of now", async () => {
    const { page, close } = await open(browser, `${base}/rooms/6`);
    await page.getByRole("heading", { name: "Ausstellung" }).waitFor();
    await page.getByText("Der Sensor meldet sich gerade nicht", { exact: false }).waitFor();
    expect(await page.getByText("Die Luft ist").count()).toBe(0);
    await close();
  });

  test("moves and zooms with the keyboard", async () => {
    const { page, close } = await open(browser, `${base}/rooms/1`);
    const chart = page.getByRole("application");
    await chart.focus();
    const before = await chart.getAttribute("aria-label");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => chart.getAttribute("aria-label")).not.toBe(before);
    const moved = await chart.getAttribute("aria-label");
    await page.keyboard.press("+");
    await expect.poll(() => chart.getAttribute("aria-label")).not.toBe(moved);
    await close();
  });

  test("a year is drawn by its days, told by its months, and says where nothing is known", async () => {
    const { page, close } = await open(browser, `${base}/rooms/1`);
    await page.getByRole("button", { name: "Jahr" }).click();
    await page.getByText("Die Linie ist das Mittel jedes Tages", { exact: false }).waitFor();
    await page.getByText("Als Tabelle").click();
    const rows = page.getByRole("table").first().getByRole("row");
    await expect.poll(() => rows.count()).toBeGreaterThanOrEqual(13);
    expect(await rows.count()).toBeLessThanOrEqual(15);
    // What stands under the chart is what its days say, and not what is left when samples are thinned out.
    const figures = async (text: string) =>
      (await page.getByText(text, { exact: false }).last().innerText()).match(/[\d.]+(?= ppm)/g)!.map(Number);
    const [low, high, mean] = await figures("im Mittel");
    expect(low).toBeLessThan(mean!);
    expect(mean).toBeLessThan(high!);
    const chart = page.getByRole("application");
    const box = (await chart.boundingBox())!;
    await page.mouse.move(box.x + box.width - 60, box.y + 100);
    await expect
      .poll(() => page.locator("figcaption").innerText())
      .toMatch(/\d{4}\s+[\d.]+ ppm \(\d+–[\d.]+\)/);
    await picture(page, "room-year");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "room-year-narrow-dark");
    await page.setViewportSize({ width: 1440, height: 900 });
    // A year earlier there was nothing.
    for (let step = 0; step < 3; step++) await page.getByRole("button", { name: "Früher" }).click();
    await page.getByText("In diesem Zeitraum gibt es keine Messwerte.").first().waitFor();
    await page.mouse.move(box.x + box.width / 2, box.y + 100);
    expect(await page.locator("figcaption").innerText()).not.toMatch(/\d ppm/);
    await close();
  });

  test("saves what the chart shows, for people or for programs", async () => {
    const { page, problems, close } = await open(browser, `${base}/rooms/1`);
    const saved = async (name = "Schule, Raum.csv") => {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Herunterladen", exact: true }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(name);
      await page.getByRole("dialog").waitFor({ state: "detached" });
      return new URL(download.url()).searchParams;
    };
    await page.getByRole("button", { name: "Woche" }).click();
    await page.getByRole("button", { name: "Messwerte speichern" }).click();
    const workbook = await saved("Schule, Raum.xlsx");
    expect(Object.fromEntries(workbook)).toMatchObject({ lang: "de", resolution: "raw" });
    await page.getByRole("button", { name: "Messwerte speichern" }).click();
    await page.getByLabel("Datei", { exact: true }).selectOption("people");
    const first = await saved();
    expect(Object.fromEntries(first)).toMatchObject({ for: "people", lang: "de", resolution: "raw" });
    expect(first.get("filter[to]")).toBeNull();
    // The field shows minutes.
    expect(Math.abs(Number(first.get("filter[from]")) - (Date.now() / 1000 - 7 * 86_400))).toBeLessThan(200);

    await page.getByRole("button", { name: "Früher" }).click();
    await page.getByRole("button", { name: "Messwerte speichern" }).click();
    await page.getByLabel("Werte", { exact: true }).selectOption("1d");
    await page.getByLabel("Datei", { exact: true }).selectOption("programs");
    await page.getByText("Weltzeit (UTC)", { exact: false }).waitFor();
    const second = await saved();
    expect(Object.fromEntries(second)).toMatchObject({ for: "programs", resolution: "1d" });
    const [from, to] = ["from", "to"].map((name) => Number(second.get(`filter[${name}]`)));
    // A week, and all of its last minute.
    expect(Math.abs(to! - from! - 7 * 86_400)).toBeLessThan(120);

    // What was chosen stays while the page goes on; nothing chosen is all.
    await page.getByRole("button", { name: "Messwerte speichern" }).click();
    await page.getByLabel("Von", { exact: true }).fill("");
    await page.getByLabel("Bis", { exact: true }).fill("2.1.2026, 03:04");
    await page.waitForTimeout(11_000);
    const third = await saved();
    expect(third.get("filter[from]")).toBeNull();
    // 3:04:59 in Berlin.
    expect(third.get("filter[to]")).toBe(String(Date.UTC(2026, 0, 2, 2, 4, 59) / 1000));
    expect(problems).toEqual([]);
    await close();
  });

  test("a whole site is saved as well, and what no spreadsheet takes is said before", async () => {
    const { page, close } = await open(browser, `${base}/sites/1`, {
      expect: /status of 400/,
      prepare: equip,
    });
    await page.getByRole("button", { name: "Messwerte speichern" }).click();
    await picture(page, "download-dialog");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "download-dialog-narrow-dark");
    expect(await judge(page)).toEqual([]);
    await page.getByLabel("Werte", { exact: true }).selectOption("raw");
    await page.getByLabel("Datei", { exact: true }).selectOption("people");
    await page.getByRole("button", { name: "Herunterladen", exact: true }).click();
    await page.getByRole("alert").getByText("Das sind mehr Zeilen").waitFor();
    await page.getByLabel("Werte", { exact: true }).selectOption("1h");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Herunterladen", exact: true }).click(),
    ]);
    expect(new URL(download.url()).pathname).toBe("/api/v1/sites/1/timeseries.csv/");
    await close();
  });

  test("is told in English to who reads English", async () => {
    const { page, close } = await open(browser, `${base}/rooms/2`, { locale: "en-GB" });
    await page.getByText("The air is bad").waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    await page.getByRole("button", { name: "Deutsch" }).click();
    await page.getByText("Die Luft ist schlecht").waitFor();
    await close();
  });

  test("a server in trouble is said so, and trying again helps", async () => {
    fixture.world.failing = /rooms\/1/;
    const { page, close } = await open(browser, `${base}/rooms/1`, { expect: /status of 500/ });
    await page.getByRole("heading", { name: "Da ist etwas schiefgegangen" }).waitFor();
    fixture.world.failing = null;
    await page.getByRole("button", { name: "Noch einmal versuchen" }).click();
    await page.getByRole("heading", { name: "Klassenraum 7b" }).waitFor();
    await close();
  });
});

test("without a connection, a page that is not there yet says so", async () => {
  const { page, close } = await open(browser, base, { expect: /Failed to|ERR_INTERNET|dynamically/ });
  await page
    .getByRole("link", { name: /Museum/ })
    .first()
    .waitFor();
  await page.context().setOffline(true);
  await page
    .getByRole("link", { name: /Museum/ })
    .first()
    .click();
  await page.getByRole("heading", { name: "Keine Verbindung" }).waitFor();
  await close();
});

test("search on the start page finds by street and says when there is nothing", async () => {
  const { page, close } = await open(browser, base);
  await page.getByRole("searchbox").fill("breite straße");
  await page.getByText("1 Standort gefunden").waitFor();
  expect(await page.getByRole("link", { name: /Museum/ }).count()).toBe(1);
  await page.getByRole("searchbox").fill("xyz");
  await page.getByText("Nichts gefunden zu „xyz“").waitFor();
  await close();
});

test("a compared room of which nothing could be loaded is not said to have no value", async () => {
  const { page, close } = await open(browser, `${base}/compare?rooms=1,3`, { expect: /status of 500/ });
  await page.getByText("erhöht").first().waitFor();
  fixture.world.failing = /installations/;
  await page.reload();
  await expect.poll(() => page.getByRole("button", { name: "Noch einmal versuchen" }).count()).toBe(2);
  expect(await page.getByText(/kein aktueller Wert/i).count()).toBe(0);
  fixture.world.failing = null;
  await close();
});

test("who is logged in is not sent to the operators' door", async () => {
  fixture.world.role = "O";
  const { page, close } = await open(browser, `${base}/dashboard/1`, { expect: EXPECTED });
  const header = page.getByRole("banner");
  await header.getByRole("link", { name: "Meine Räume" }).waitFor();
  await page.goto(base);
  await header.getByRole("link", { name: "Meine Räume" }).waitFor();
  fixture.world.role = null;
  await page.goto(`${base}/logout`);
  await header.getByRole("link", { name: "Für Betreiber" }).waitFor();
  await close();
});

test("compared rooms move together", async () => {
  const { page, close } = await open(browser, `${base}/compare?rooms=1,3`);
  const charts = page.getByRole("application");
  await expect.poll(() => charts.count()).toBe(2);
  const windows = () =>
    charts.evaluateAll((all) =>
      all.map((one) => [one.getAttribute("data-from"), one.getAttribute("data-to")].join()),
    );
  const before = (await windows())[0]!;
  await charts.first().focus();
  await page.keyboard.press("+");
  await page.keyboard.press("ArrowLeft");
  await expect.poll(async () => (await windows())[0]).not.toBe(before);
  await expect.poll(async () => new Set(await windows()).size).toBe(1);
  await page.getByRole("button", { name: "Aula" }).click();
  await expect.poll(() => charts.count()).toBe(3);
  await expect.poll(async () => new Set(await windows()).size).toBe(1);
  await close();
});

test("a map is offered only where addresses have a place", async () => {
  const viewport = { width: 360, height: 780 };
  const map = (page: Page) => page.getByRole("button", { name: "Karte", exact: true });
  const placed = await open(browser, base, { viewport });
  await map(placed.page).click();
  await placed.page.getByRole("group", { name: "Karte der Standorte" }).waitFor();
  await placed.close();
  fixture.world.placed = false;
  const nowhere = await open(browser, base, { viewport });
  await nowhere.page.getByText("Grundschule am Park").first().waitFor();
  expect(await map(nowhere.page).count()).toBe(0);
  fixture.world.placed = true;
  await nowhere.close();
});

test("nobody public yet is said as an invitation", async () => {
  fixture.world.empty = true;
  const { page, close } = await open(browser, base);
  await page.getByText("Noch zeigt hier niemand seine Luft").waitFor();
  fixture.world.empty = false;
  await close();
});
