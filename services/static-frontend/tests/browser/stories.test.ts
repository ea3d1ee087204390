// Stories of people, in a real browser on the real stack.
import jsQR from "jsqr";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { picture } from "./shots";
import { publishUplink, startStack, type Stack } from "./stack";

let browser: Browser;
let stack: Stack;

beforeAll(async () => {
  [browser, stack] = await Promise.all([launch(), startStack()]);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
}, 60_000);

const PASSWORD = "clair-demo";
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  hasTouch: true,
  isMobile: true,
  reducedMotion: "reduce",
};

async function logIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.locator("#login").fill(name);
  await page.locator("#password").fill(password);
  await page.getByRole("button", { name: "Anmelden" }).click();
}

async function enter(path: string, name: string, options: BrowserContextOptions = {}) {
  // The browser tells of the 401 that leads to the log-in page.
  const visit = await open(browser, stack.web + path, { expect: /status of 401/, ...options });
  await visit.page.waitForURL(/\/accounts\/login\//);
  await logIn(visit.page, name);
  return visit;
}

test("a visitor finds a room and sees its air", async () => {
  const { page, problems, close } = await open(browser, stack.web);
  await page.getByRole("searchbox").fill("canal");
  await page.getByRole("link", { name: /School at the canal/ }).click();
  await page.getByRole("link", { name: /Room 101/ }).click();
  await page.getByRole("heading", { name: "Room 101", level: 1 }).waitFor();
  await page.getByTestId("co2").waitFor();
  await page.getByText(/Von \d+ ppm bis \d+ ppm/).waitFor();
  for (const span of ["Woche", "Monat", "Jahr"]) {
    await page.getByRole("button", { name: span, exact: true }).click();
    await page.getByText(/Von \d+ ppm bis \d+ ppm/).waitFor();
  }
  await page.getByText("Eine typische Woche").waitFor();
  expect(problems).toEqual([]);
  await close();
});

/** Who tries again finds the account and the sensor of the first time. */
let attempt = 0;
test("from signing up to the first value", async () => {
  attempt++;
  const eui = `A81758FFFE0A000${attempt}`;
  const nina = `nina${attempt}`;
  const { page, problems, close } = await open(browser, `${stack.web}/accounts/signup/`, {
    ...PHONE,
    expect: /status of 401/,
  });
  await page.locator("#username").fill(nina);
  await page.locator("#email").fill(`${nina}@example.org`);
  await page.locator("#password1").fill("frische-luft-2026");
  await page.locator("#password2").fill("frische-luft-2026");
  await page.getByRole("button", { name: /anlegen|registrieren/i }).click();
  const link = () =>
    /\/accounts\/confirm-email\/[^\s"<]+/.exec(
      stack.sql(`SELECT text FROM kept_mail WHERE recipient LIKE '%${nina}@%'`),
    )?.[0];
  await expect.poll(link).toBeTruthy();
  await page.goto(stack.web + link()!);
  await page.locator("main").getByRole("button").click();
  await page.goto(`${stack.web}/dashboard`);
  await page.waitForURL(/\/accounts\/login\//);
  await logIn(page, nina, "frische-luft-2026");

  await page.getByRole("heading", { name: /Willkommen/ }).waitFor();
  await picture(page, "story-1-welcome");
  await page.getByLabel("Name der Organisation").fill(`Kita Sonnenschein ${attempt}`);
  await page.getByRole("button", { name: "Organisation anlegen" }).click();

  await picture(page, "story-2-steps");
  await page.getByRole("link", { name: "Standort anlegen" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Haus am See");
  await page.getByLabel("Straße und Hausnummer").fill("Seestraße 1");
  await page.getByLabel("Postleitzahl").fill("14050");
  await page.getByLabel("Ort", { exact: true }).fill("Berlin");
  await page.getByRole("button", { name: "Standort anlegen" }).click();

  await picture(page, "story-3-site");
  await page.getByLabel("Neuer Raum").fill("Gruppe Igel");
  await page.getByRole("button", { name: "Hinzufügen" }).click();
  await page.getByText("Gruppe Igel ist angelegt.").waitFor();
  // Its neighbours are named on the same page.
  expect(await page.getByLabel("Neuer Raum").inputValue()).toBe("");
  await page.getByRole("link", { name: /Gruppe Igel/ }).click();
  await page.getByRole("heading", { name: "Gruppe Igel" }).waitFor();

  await picture(page, "story-4-room");
  await page.getByRole("link", { name: "Räume", exact: true }).click();
  await page.getByRole("link", { name: "Sensor registrieren" }).click();
  await page.getByLabel("Bezeichnung").fill("Igel 1");
  await page.getByLabel("Geräte-EUI").fill(`a81758-fffe0a-000${attempt}`);
  await page.getByLabel("Modell").selectOption({ label: "Elsys ERS CO2" });
  // Its protocol follows.
  expect(await page.getByLabel("Protokoll").count()).toBe(0);
  await picture(page, "story-5-sensor");
  await page.getByRole("button", { name: "Registrieren" }).click();

  await page.getByRole("button", { name: /Gruppe Igel/ }).click();
  expect(
    stack.sql(
      `SELECT p.identifier FROM node n JOIN node_protocol p ON p.id = n.protocol_id WHERE n.eui64 = '${eui}'`,
    ),
  ).toMatch(/elsys/i);
  await picture(page, "story-6-install");
  await page.getByRole("button", { name: "Jetzt aufstellen" }).click();
  await page.getByRole("heading", { name: "Gruppe Igel" }).waitFor();
  await page.getByText("Noch kein Messwert").waitFor();

  await publishUplink(stack.mqtt, eui, 1234, 1);
  await page.getByTestId("co2").waitFor();
  expect(await page.getByTestId("co2").textContent()).toBe("1234");
  await picture(page, "story-7-value");

  await page.getByRole("link", { name: "Verlauf ansehen" }).click();
  await page.getByRole("button", { name: "Messwerte speichern" }).click();
  await page.getByLabel("Datei", { exact: true }).selectOption("people");
  const [csv] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Herunterladen", exact: true }).click(),
  ]);
  expect(readFileSync(await csv.path(), "utf8")).toMatch(/;1234;21,5;45;gemessen\r\n$/);
  await picture(page, "story-8-history");
  expect(problems).toEqual([]);
  await close();
});

describe("an owner", () => {
  test("comes back to the page that was asked for, and sees which sensors report", async () => {
    const { page, problems, close } = await enter("/dashboard/1/sensors", "olga");
    await page.getByRole("heading", { name: "Sensoren", exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/dashboard/1/sensors");
    await page
      .getByText(/^(sendet|unbekannt)$/)
      .first()
      .waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test("has what an organization measured saved while doing something else", async () => {
    const { page, problems, close } = await enter("/dashboard/1", "olga");
    await page.getByRole("button", { name: "Messwerte speichern" }).click();
    await page.getByLabel("Datei", { exact: true }).selectOption("long");
    await page.getByText("Im Hintergrund erstellen").click();
    await picture(page, "export-1-dialog");
    await page.getByRole("button", { name: "Erstellen lassen" }).click();
    await page.getByText("Die Datei wird erstellt.").waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Exporte" }).click();
    await page.getByRole("heading", { name: "Exporte", level: 1 }).waitFor();
    // The page looks by itself.
    const link = page.getByRole("link", { name: "Herunterladen" });
    await link.waitFor();
    await picture(page, "export-2-list");
    const [file] = await Promise.all([page.waitForEvent("download"), link.click()]);
    expect(file.suggestedFilename()).toMatch(/\.xlsx$/);
    expect(
      readFileSync(await file.path())
        .subarray(0, 2)
        .toString(),
    ).toBe("PK");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "export-3-list-narrow-dark");
    await page.getByRole("button", { name: "Löschen" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Löschen" }).click();
    await page.getByText("Noch keine.", { exact: false }).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test("invites a member, and takes that back", async () => {
    const { page, problems, close } = await enter("/dashboard/1/members", "olga");
    // Whether the address has an account makes no difference.
    for (const address of ["admin@example.org", "niemand@example.org"]) {
      await page.getByLabel("E-Mail-Adresse").fill(address);
      await page.getByRole("button", { name: "Einladen" }).click();
      await page.getByText(`${address} ist eingeladen.`).waitFor();
    }
    await page.getByText("admin@example.org", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Rückgängig" }).last().click();
    await page.getByText("niemand@example.org", { exact: true }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Zurückziehen" }).click();
    await page.getByText("admin@example.org", { exact: true }).waitFor({ state: "detached" });
    expect(problems).toEqual([]);
    await close();
  });

  test("makes a token for a script, and revokes it", async () => {
    const { page, problems, close } = await enter("/dashboard/1/settings", "olga");
    await page.getByRole("link", { name: "Token verwalten" }).click();
    await page.getByLabel("Name").fill("Dach");
    await page.getByRole("button", { name: "Token machen" }).click();
    const token = page.getByLabel("Token", { exact: true });
    await token.waitFor();
    expect(await token.inputValue()).toMatch(/^clair-ingest-\w{26}$/);
    await page.getByText("noch nie benutzt").waitFor();
    await page.getByRole("button", { name: "Ich habe es notiert" }).click();
    await token.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Widerrufen" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Widerrufen" }).click();
    await page.getByText(/^widerrufen am/).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test("is told on a phone that a room should be aired, and says that it is known", async () => {
    const [eui, room, roomName] = stack
      .sql(
        "SELECT n.eui64, r.id, r.name FROM installation i JOIN node n ON n.id = i.node_id JOIN room r ON r.id = i.room_id" +
          " JOIN node_protocol p ON p.id = n.protocol_id WHERE n.owner_id = 1 AND i.to_time IS NULL AND p.identifier ILIKE '%elsys%' ORDER BY i.id LIMIT 1",
      )
      .split("|") as [string, string, string];
    const { page, problems, close } = await enter("/dashboard/1/alerts/channels", "olga", PHONE);
    const address = `luft${Date.now()}@example.org`;
    const mail = (subject: string) =>
      stack.sql(
        `SELECT text FROM kept_mail WHERE recipient LIKE '%${address}%' AND subject LIKE '${subject}%'`,
      );

    // A channel is confirmed by what comes through it, and says what became of a test.
    await page.getByLabel("E-Mail-Adresse").fill(address);
    await page.getByRole("button", { name: "Kanal anlegen" }).click();
    await page.getByLabel("Code").fill("000000x");
    await page.getByRole("button", { name: "Bestätigen", exact: true }).click();
    await page.getByRole("alert").first().waitFor();
    await expect.poll(() => mail("Clair: Code")).toMatch(/\n\d{6}\n/);
    await page.getByLabel("Code").fill(/\n(\d{6})\n/.exec(mail("Clair: Code"))![1]!);
    await page.getByRole("button", { name: "Bestätigen", exact: true }).click();
    await page.getByRole("button", { name: "Test senden" }).click();
    await page.locator("summary", { hasText: "Test" }).getByText("angekommen").waitFor();
    await page.locator("summary", { hasText: "Test" }).click();
    await page.getByText("Dies ist ein Test.").waitFor();
    await picture(page, "story-alert-1-channel");

    // A rule of one's own, from the page of the room.
    await page.goto(`${stack.web}/dashboard/1/rooms/${room}`);
    await page.getByRole("link", { name: "Neue Regel" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Bitte lüften");
    await page.getByLabel("Was gemeldet wird").selectOption({ label: "Ein Wert ist zu hoch" });
    await page.getByLabel("Grenze (ppm)").fill("20000");
    await page.getByRole("switch", { name: "Nur während der Nutzungszeit" }).click();
    await page.getByText("Genauer").click();
    await page.getByLabel("Wie lange es so sein muss").fill("0");
    await page.getByLabel("Grenze (ppm)").fill("1500");
    await page.getByText(`Wenn das CO₂ in „${roomName}`).waitFor();
    await picture(page, "story-alert-2-rule");
    await page.getByRole("button", { name: "Regel anlegen" }).click();
    await page.getByRole("heading", { name: "Bitte lüften" }).waitFor();

    await publishUplink(stack.mqtt, eui, 2222, 900_100);
    await expect.poll(() => mail("Bitte lüften")).toContain("2222 ppm");
    const link = /\/dashboard\/1\/alerts\/episodes\/\d+/.exec(mail("Bitte lüften"))![0];
    await page.goto(stack.web + link);
    await page.getByText("Gesagt über: E-Mail").waitFor();
    await page.getByRole("button", { name: "Ist bekannt" }).click();
    await page.getByText("Zur Kenntnis genommen").waitFor();
    await picture(page, "story-alert-3-episode");

    // It is on the page of the room as well, until somebody wants quiet.
    await page.goto(`${stack.web}/dashboard/1/rooms/${room}`);
    await page.getByRole("button", { name: "24 h Ruhe" }).click();
    await page.getByText("Ruhe bis", { exact: false }).first().waitFor();
    await page.goto(`${stack.web}/dashboard/1/alerts`);
    await page.getByText("ist bekannt", { exact: true }).first().waitFor();

    // What is right for most is on after one tap.
    await page.getByRole("link", { name: "Regeln", exact: true }).click();
    await page
      .getByRole("button", { name: /^Einschalten: Klima einer Sammlung/ })
      .first()
      .click();
    await page.getByText("ist an", { exact: true }).first().waitFor();
    await page.getByRole("link", { name: "Zu trocken für die Sammlung" }).first().waitFor();
    // The browser tells of the wrong code.
    expect(problems.filter((one) => !/status of 400/.test(one))).toEqual([]);
    await close();
  });

  test("has the climate of a room judged for what is kept there, and sees all norms without leaving", async () => {
    const { room } = somewhere();
    const { page, problems, close } = await enter(`/dashboard/1/rooms/${room}`, "olga");
    await page.getByLabel("Klima für Sammlungen beurteilen nach").selectOption("bizot");
    await page.getByRole("button", { name: "Speichern", exact: true }).click();
    const card = page.getByRole("region", { name: "Klima für Sammlungen" });
    // The demo has measured for three days.
    await card.getByText(/Nicht beurteilt: Nur von \d+ der 7\d\d Stunden/).waitFor();
    await card.locator("canvas").nth(1).waitFor();
    await page.getByLabel("Klima für Sammlungen beurteilen nach").selectOption("none");
    await page.getByRole("button", { name: "Speichern", exact: true }).click();
    await card.waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Alle Normen nebeneinander" }).click();
    await page.getByText("Jede Zeile hat die Farben ihrer eigenen Norm.").waitFor();
    expect(new URL(page.url()).pathname).toBe(`/dashboard/1/rooms/${room}/norms`);
    expect(problems).toEqual([]);
    await close();
  });

  test("makes an air file, reads it, and deletes it", async () => {
    const { room } = somewhere();
    const { page, problems, close } = await enter(`/dashboard/1/rooms/${room}`, "olga");
    const card = page.getByRole("region", { name: "Luftakten" });
    await card.getByRole("button", { name: "Luftakte anlegen" }).click();
    await page.getByText("Die Luftakte ist angelegt.").waitFor();
    await card.getByText(/Fassung 1 vom/).waitFor();
    await card.getByRole("button", { name: "Luftakte anlegen" }).click();
    await page.getByText("Seit der letzten Fassung hat sich nichts geändert.").waitFor();
    const printed = await page.request.get(
      (await card.getByRole("link", { name: "Ansehen" }).getAttribute("href"))!,
    );
    expect(await printed.text()).toContain("clairctl verdict verify");
    await card.getByRole("button", { name: "Löschen" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Löschen" }).click();
    await card.getByText("Von diesem Raum gibt es noch keine Luftakte.").waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test("is told what becomes visible before a room is public, and can take it back", async () => {
    const { page, close } = await enter("/dashboard/1", "olga");
    await page.getByRole("link", { name: /Open-plan office/ }).click();
    const shown = page.getByRole("switch");
    expect(await shown.getAttribute("aria-checked")).toBe("false");
    await shown.click();
    await page.getByText("alle Messwerte seit der Aufstellung", { exact: false }).waitFor();
    await page.getByRole("button", { name: "Öffentlich machen" }).click();
    await page.getByText("Die Werte sind jetzt öffentlich.").waitFor();
    await expect.poll(() => shown.getAttribute("aria-checked")).toBe("true");
    await page.getByRole("button", { name: "Rückgängig" }).click();
    await expect.poll(() => shown.getAttribute("aria-checked")).toBe("false");
    await close();
  });
});

/** An installation of organization 1 that no other story is about. */
function somewhere(more = ""): { node: string; alias: string; room: string; roomName: string } {
  const [node, alias, room, roomName] = stack
    .sql(
      "SELECT n.id, n.alias, r.id, r.name FROM installation i JOIN node n ON n.id = i.node_id JOIN room r ON r.id = i.room_id" +
        ` WHERE n.owner_id = 1 AND i.to_time IS NULL AND r.name NOT IN ('Room 101', 'Open-plan office') ${more} ORDER BY i.id LIMIT 1`,
    )
    .split("|");
  return { node: node!, alias: alias!, room: room!, roomName: roomName! };
}

describe("an owner on a phone", () => {
  test("takes a photo of where the sensor stands", async () => {
    const { room } = somewhere();
    const { page, problems, close } = await enter(`/dashboard/1/rooms/${room}`, "olga", PHONE);
    // The smallest picture in colour that a camera could make.
    const photo = Buffer.from(
      await page.evaluate(() => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 64;
        const context = canvas.getContext("2d")!;
        context.fillStyle = "#0b5c6e";
        context.fillRect(0, 0, 64, 64);
        return canvas.toDataURL("image/jpeg").split(",")[1]!;
      }),
      "base64",
    );
    await page
      .locator('input[type="file"]')
      .first()
      .setInputFiles({ name: "sensor.jpg", mimeType: "image/jpeg", buffer: photo });
    await page.getByText("Foto gespeichert.").waitFor();
    const shown = page.getByAltText("Foto der Aufstellung").first();
    await shown.scrollIntoViewIfNeeded();
    await expect.poll(() => shown.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBe(64);
    await picture(page, "story-photo");
    expect(problems).toEqual([]);
    await close();
  });

  test("carries a sensor into another room, and the old values stay where they were measured", async () => {
    const { node, alias, room, roomName } = somewhere();
    const [target, targetName] = stack
      .sql(
        "SELECT r.id, r.name FROM room r JOIN site s ON s.id = r.site_id" +
          ` WHERE s.operator_id = 1 AND r.id <> ${room} AND r.name <> 'Room 101' ORDER BY r.id DESC LIMIT 1`,
      )
      .split("|");
    const { page, problems, close } = await enter(`/dashboard/1/sensors/${node}`, "olga", PHONE);
    await page.getByRole("link", { name: "In anderen Raum" }).click();
    await page.getByRole("button", { name: new RegExp(`^${targetName!}`) }).click();
    await page.getByText(`Der Sensor misst gerade in ${roomName}, `, { exact: false }).waitFor();
    await page.getByRole("button", { name: "Jetzt aufstellen" }).click();
    await page.getByText(`${alias} misst jetzt in ${targetName!}.`).waitFor();
    await page.getByRole("heading", { name: targetName!, level: 1 }).waitFor();
    // Without a gap, and without an overlap.
    expect(
      stack.sql(
        "SELECT old.room_id, new.room_id, old.to_time = new.from_time FROM installation old" +
          ` JOIN installation new ON new.node_id = old.node_id AND new.to_time IS NULL WHERE old.node_id = '${node}' AND old.to_time IS NOT NULL ORDER BY old.to_time DESC LIMIT 1`,
      ),
    ).toBe(`${room}|${target!}|t`);
    expect(problems).toEqual([]);
    await close();
  });

  test("notes on Friday what hangs there since Monday, with a phone that is ten minutes ahead", async () => {
    const { node, alias, room } = somewhere("AND r.id > 1");
    const began = () =>
      stack.sql(
        `SELECT extract(epoch FROM now() - from_time)::bigint FROM installation WHERE node_id = '${node}' AND to_time IS NULL`,
      );
    const target = stack.sql(
      `SELECT r.id FROM room r JOIN site s ON s.id = r.site_id WHERE s.operator_id = 1 AND r.id <> ${room} AND r.name NOT IN ('Room 101', 'Open-plan office') ORDER BY r.id LIMIT 1`,
    );
    const { page, close } = await enter(`/dashboard/1`, "olga", PHONE);
    await page.clock.install({ time: Date.now() + 600_000 });
    await page.goto(`${stack.web}/dashboard/1/install?node=${node}&room=${target}`);
    await page.getByRole("button", { name: "Jetzt aufstellen" }).click();
    await page.getByText(`${alias} misst jetzt in`, { exact: false }).waitFor();
    expect(Number(began())).toBeGreaterThanOrEqual(0);
    expect(Number(began())).toBeLessThan(120);
    await page.getByText(alias, { exact: true }).first().waitFor();

    const card = page.getByRole("article").filter({ hasText: alias }).first();
    await card.getByRole("button", { name: "Zeiten ändern" }).click();
    const hours = 3;
    const earlier = stack.sql(
      `SELECT to_char((now() - interval '${hours} hours') AT TIME ZONE s.time_zone, 'YYYY-MM-DD"T"HH24:MI') FROM room r JOIN site s ON s.id = r.site_id WHERE r.id = ${target}`,
    );
    // Before, the sensor was elsewhere: the two must not overlap, and that is said at the field.
    await page.getByLabel("Von", { exact: true }).fill(earlier);
    await page.getByRole("button", { name: "Speichern" }).last().click();
    await page.getByText("Der Sensor ist in dieser Zeit schon installiert.").waitFor();
    stack.sql(
      `UPDATE installation SET to_time = now() - interval '4 hours' WHERE node_id = '${node}' AND to_time IS NOT NULL AND to_time > now() - interval '1 hour'`,
    );
    await page.getByRole("button", { name: "Speichern" }).last().click();
    await page.getByText("Gespeichert.").waitFor();
    expect(Number(began())).toBeGreaterThan(hours * 3600 - 180);
    await close();
  });
});

test("two fingers zoom the chart, and one moves it", async () => {
  const { page, problems, close } = await open(browser, `${stack.web}/rooms/1`, PHONE);
  await page.getByText(/Von \d+ ppm bis \d+ ppm/).waitFor();
  const chart = page.getByRole("application");
  await chart.scrollIntoViewIfNeeded();
  const window = async () => {
    const from = Number(await chart.getAttribute("data-from"));
    const to = Number(await chart.getAttribute("data-to"));
    return { from, width: to - from };
  };
  const box = (await chart.boundingBox())!;
  const y = box.y + box.height / 2;
  const at = (share: number, id: number) => ({ x: box.x + 60 + (box.width - 70) * share, y, id });
  const session = await page.context().newCDPSession(page);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...touchPoints: ReturnType<typeof at>[]) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints });

  const before = await window();
  await touch("touchStart", at(0.4, 1), at(0.6, 2));
  for (const spread of [0.05, 0.1, 0.15, 0.2])
    await touch("touchMove", at(0.4 - spread, 1), at(0.6 + spread, 2));
  await touch("touchEnd");
  await expect.poll(async () => (await window()).width / before.width).toBeLessThan(0.4);

  const zoomed = await window();
  await touch("touchStart", at(0.3, 1));
  for (const share of [0.4, 0.5, 0.6, 0.7]) await touch("touchMove", at(share, 1));
  await touch("touchEnd");
  await expect.poll(async () => ((await window()).from - zoomed.from) / zoomed.width).toBeLessThan(-0.3);
  expect((await window()).width).toBe(zoomed.width);
  expect(problems).toEqual([]);
  await close();
});

test("the code on the door sign leads to the room", async () => {
  const { page, problems, close } = await open(browser, `${stack.web}/rooms/1`);
  await page.getByRole("button", { name: "Teilen" }).click();
  const code = page.getByAltText(/^QR-Code/);
  await code.waitFor();
  const read = async () => {
    const { data, width, height } = await code.evaluate(async (image: HTMLImageElement) => {
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 400;
      const context = canvas.getContext("2d")!;
      context.drawImage(image, 0, 0, 400, 400);
      const pixels = context.getImageData(0, 0, 400, 400);
      return { data: Array.from(pixels.data), width: pixels.width, height: pixels.height };
    });
    return jsQR(new Uint8ClampedArray(data), width, height)?.data;
  };
  expect(await read()).toBe(`${stack.web}/rooms/1`);
  // Printed, there is the sign and nothing else.
  await page.emulateMedia({ media: "print" });
  expect(await page.getByText("Code lesen und sehen", { exact: false }).isVisible()).toBe(true);
  expect(await page.locator("#app").isVisible()).toBe(false);
  expect(await page.getByRole("button").count()).toBe(0);
  await picture(page, "door-sign-print");
  expect(problems).toEqual([]);
  await close();
});

test("the room page is walked with the keyboard alone", async () => {
  const { page, problems, close } = await open(browser, `${stack.web}/rooms/1`);
  await page.getByText(/Von \d+ ppm bis \d+ ppm/).waitFor();
  await page.getByText("Eine typische Woche").waitFor();
  const walked: string[] = [];
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const { name, seen } = await page.evaluate(() => {
      const at = document.activeElement as HTMLElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      const place = at.getBoundingClientRect();
      return {
        name: (at.getAttribute("aria-label") ?? at.innerText).trim().split("\n")[0]!,
        // Marked, and not outside of what is shown.
        seen:
          outlineStyle !== "none" &&
          parseFloat(outlineWidth) >= 2 &&
          place.bottom > 0 &&
          place.top < innerHeight &&
          place.width > 0,
      };
    });
    if (walked.length && name === walked[0]) break; // Round once.
    if (!name) continue; // The browser's own frame.
    expect(seen, `the focus is seen at "${name}"`).toBe(true);
    walked.push(name);
  }
  const order = ["Zum Inhalt", "Clair", "English", "Für Betreiber", "Teilen", "Tag", "Jahr", "CO₂", "Früher"];
  const places = [...order, "Als Tabelle", "Wie beurteilt wurde", "Messwerte speichern"].map((name) =>
    walked.indexOf(name),
  );
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(walked.some((name) => name.startsWith("Kohlendioxid, "))).toBe(true);

  // A dialog keeps the focus, and gives it back.
  await page.getByRole("button", { name: "Teilen" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest('[role="dialog"]') !== null)).toBe(true);
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await expect
    .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).innerText.trim()))
    .toBe("Teilen");
  expect(problems).toEqual([]);
  await close();
});

test("old and deep addresses lead somewhere, and the way back works", async () => {
  const { page, problems, close } = await open(browser, `${stack.web}/widget/#/sites/1`);
  await page.getByRole("heading", { name: "School at the canal" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/embed/1");

  await page.goto(`${stack.web}/?q=canal`);
  await page.getByRole("link", { name: /School at the canal/ }).click();
  await page.getByRole("heading", { name: "School at the canal", level: 1 }).waitFor();
  await expect.poll(() => page.title()).toBe("School at the canal · Clair");
  await page.getByRole("link", { name: /Room 101/ }).click();
  await page.getByRole("heading", { name: "Room 101", level: 1 }).waitFor();
  await expect.poll(() => page.title()).toBe("Room 101, School at the canal · Clair");
  await page.goBack();
  await page.getByRole("heading", { name: "School at the canal", level: 1 }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Wie ist die Luft?" }).waitFor();
  expect(await page.getByRole("searchbox").inputValue()).toBe("canal");

  await page.goto(`${stack.web}/nirgends/und/tief`);
  await page.getByRole("heading", { name: "Diese Seite gibt es nicht" }).waitFor();
  await expect.poll(() => page.title()).toBe("Diese Seite gibt es nicht · Clair");
  for (const file of ["favicon.svg", "favicon.ico", "apple-touch-icon.png", "manifest.json"]) {
    expect((await page.request.get(`${stack.web}/${file}`)).status(), file).toBe(200);
  }
  expect(problems).toEqual([]);
  await close();
});

test("an inspector sees everything and is told why nothing can be changed", async () => {
  const { page, problems, close } = await enter("/dashboard/1", "ivan");
  await page.getByText("Ihre Rolle ist Beobachter", { exact: false }).waitFor();
  await page.getByRole("link", { name: /Room 101/ }).click();
  await page.getByRole("heading", { name: "Room 101", exact: true }).waitFor();
  expect(await page.getByRole("button", { name: /Speichern|löschen|Beenden/ }).count()).toBe(0);
  expect(await page.getByRole("switch").isDisabled()).toBe(true);
  expect(problems).toEqual([]);
  await close();
});

test("a value is on an open page after its uplink, without a reload", async () => {
  const eui = stack.sql(
    "SELECT n.eui64 FROM node n JOIN installation i ON i.node_id = n.id JOIN node_protocol p ON p.id = n.protocol_id" +
      " WHERE i.is_public AND p.identifier ILIKE 'ELSYS%' ORDER BY i.id LIMIT 1",
  );
  const room = stack.sql(
    `SELECT i.room_id FROM installation i JOIN node n ON n.id = i.node_id WHERE n.eui64 = '${eui}'`,
  );
  const { page, problems, close } = await open(browser, `${stack.web}/rooms/${room}`);
  await page.getByText("aktualisiert sich von selbst").waitFor();
  await publishUplink(stack.mqtt, eui, 2345, 900_001);
  await expect.poll(() => page.getByTestId("co2").textContent()).toBe("2345");
  await page.getByText("Jetzt lüften", { exact: false }).waitFor();
  expect(problems).toEqual([]);
  await close();
});

describe("on somebody else's page", () => {
  let other: Server;
  let address: string;
  /** The lines that the dialog offers, by their label. */
  const lines = async (path: string): Promise<Record<string, string>> => {
    const { page, close } = await open(browser, `${stack.web}${path}`);
    await page.getByRole("button", { name: "Teilen" }).click();
    const inputs = page.getByRole("dialog").getByRole("textbox");
    await inputs.first().waitFor();
    const found: Record<string, string> = {};
    for (const input of await inputs.all()) {
      found[(await input.getAttribute("aria-label"))!] = await input.inputValue();
    }
    await close();
    return found;
  };
  beforeAll(async () => {
    const room = await lines("/rooms/1");
    const site = await lines("/sites/1");
    const offered = (all: Record<string, string>, tag: string): string =>
      Object.values(all).find((text) => text.includes(`<${tag} `))!;
    // A strict policy, as careful hosts have it.
    other = createServer((request, response) => {
      const frame = request.url !== "/";
      // Careful hosts let a frame run scripts, and nothing else.
      const sandbox = (html: string) =>
        request.url === "/sandbox" ? html.replaceAll("<iframe ", '<iframe sandbox="allow-scripts" ') : html;
      response.writeHead(200, {
        "Content-Type": "text/html",
        "Content-Security-Policy": `default-src 'none'; script-src ${stack.web}; connect-src ${stack.web}; frame-src ${stack.web}; style-src-attr 'unsafe-inline'`,
      });
      response.end(
        `<!doctype html><html lang="de"><title>Schule</title>` +
          (frame
            ? sandbox(
                offered(room, "iframe") +
                  offered(site, "iframe") +
                  `<iframe src="${stack.web}/widget/#/sites/1" title="CO2 alt" width="320" height="400"></iframe>`,
              )
            : offered(room, "clair-room")),
      );
    });
    await new Promise<void>((ready) => other.listen(0, "127.0.0.1", ready));
    address = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((done) => other.close(done)));

  test("the element shows the room", async () => {
    const { page, problems, close } = await open(browser, address, { expect: /^third party|favicon/ });
    await page.locator("clair-room").getByText("Room 101").waitFor();
    await page.locator("clair-room").getByText("ppm CO₂").waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test.each([
    ["frames", "/frame"],
    ["sandboxed frames", "/sandbox"],
  ])("%s show room and site, also at the predecessor's address", async (_, path) => {
    const { page, problems, close } = await open(browser, address + path, {
      expect: /^third party|favicon/,
    });
    await page.frameLocator("iframe >> nth=0").getByText("Room 101").waitFor();
    await page.frameLocator("iframe >> nth=1").getByText("School at the canal").waitFor();
    await page.frameLocator("iframe >> nth=2").getByText("School at the canal").waitFor();
    expect(problems).toEqual([]);
    await close();
  });
});
