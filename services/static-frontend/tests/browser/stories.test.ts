// Stories of people, in a real browser on the real stack.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
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

async function logIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.locator("#login").fill(name);
  await page.locator("#password").fill(password);
  await page.getByRole("button", { name: "Einloggen" }).click();
}

async function enter(path: string, name: string) {
  // The browser tells of the 401 that leads to the log-in page.
  const visit = await open(browser, stack.web + path, { expect: /status of 401/ });
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

test("from signing up to the first value", async () => {
  const eui = "A81758FFFE0A0001";
  const { page, problems, close } = await open(browser, `${stack.web}/accounts/signup/`, {
    expect: /status of 401/,
  });
  await page.locator("#username").fill("nina");
  await page.locator("#email").fill("nina@example.org");
  await page.locator("#password1").fill("frische-luft-2026");
  await page.locator("#password2").fill("frische-luft-2026");
  await page.getByRole("button", { name: /anlegen|registrieren/i }).click();
  const link = await expect
    .poll(
      () =>
        /\/accounts\/confirm-email\/[^\s"<]+/.exec(
          stack.sql("SELECT text FROM kept_mail WHERE recipient LIKE '%nina@%'"),
        )?.[0],
      { timeout: 20_000 },
    )
    .toBeTruthy()
    .then(
      () =>
        /\/accounts\/confirm-email\/[^\s"<]+/.exec(
          stack.sql("SELECT text FROM kept_mail WHERE recipient LIKE '%nina@%'"),
        )![0],
    );
  await page.goto(stack.web + link);
  await page.locator("main").getByRole("button").click();
  await page.goto(`${stack.web}/dashboard`);
  await page.waitForURL(/\/accounts\/login\//);
  await logIn(page, "nina", "frische-luft-2026");

  await page.getByRole("heading", { name: /Willkommen/ }).waitFor();
  await page.getByLabel("Name der Organisation").fill("Kita Sonnenschein");
  await page.getByRole("button", { name: "Organisation anlegen" }).click();

  await page.getByRole("link", { name: "Standort anlegen" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Haus am See");
  await page.getByLabel("Straße und Hausnummer").fill("Seestraße 1");
  await page.getByLabel("Postleitzahl").fill("14050");
  await page.getByLabel("Ort", { exact: true }).fill("Berlin");
  await page.getByRole("button", { name: "Standort anlegen" }).click();

  await page.getByLabel("Neuer Raum").fill("Gruppe Igel");
  await page.getByRole("button", { name: "Hinzufügen" }).click();
  await page.getByRole("heading", { name: "Gruppe Igel" }).waitFor();

  await page.getByRole("link", { name: "Räume" }).click();
  await page.getByRole("link", { name: "Sensor registrieren" }).click();
  await page.getByLabel("Bezeichnung").fill("Igel 1");
  await page.getByLabel("Geräte-EUI").fill("a81758-fffe0a-0001");
  await page.getByLabel("Modell").selectOption({ label: "Elsys ERS CO2" });
  await page.getByLabel("Protokoll").selectOption({ index: await elsys(page) });
  await page.getByRole("button", { name: "Registrieren" }).click();

  await page.getByRole("button", { name: /Gruppe Igel/ }).click();
  await page.getByRole("button", { name: "Jetzt aufstellen" }).click();
  await page.getByRole("heading", { name: "Gruppe Igel" }).waitFor();
  await page.getByText("Noch kein Messwert").waitFor();

  await publishUplink(stack.mqtt, eui, 1234, 1);
  await page.getByTestId("co2").waitFor({ timeout: 5000 });
  expect(await page.getByTestId("co2").textContent()).toBe("1234");
  expect(problems).toEqual([]);
  await close();
}, 90_000);

/** The place of the protocol of Elsys in the list. */
async function elsys(page: Page): Promise<number> {
  const options = await page.getByLabel("Protokoll").locator("option").allTextContents();
  return options.findIndex((one) => /elsys|ers/i.test(one));
}

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

  test("adds a member, and takes that back", async () => {
    const { page, problems, close } = await enter("/dashboard/1/members", "olga");
    await page.getByLabel("E-Mail-Adresse").fill("admin@example.org");
    await page.getByRole("button", { name: "Hinzufügen" }).click();
    await page.getByText("admin gehört jetzt dazu.").waitFor();
    await page.getByLabel("Rolle von admin").waitFor();
    await page.getByRole("button", { name: "Rückgängig" }).click();
    await page.getByLabel("Rolle von admin").waitFor({ state: "detached" });
    await page.getByLabel("E-Mail-Adresse").fill("niemand@example.org");
    await page.getByRole("button", { name: "Hinzufügen" }).click();
    await page.getByText("Mit dieser Adresse gibt es kein Konto", { exact: false }).waitFor();
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

test("a value is on an open page within two seconds of its uplink", async () => {
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
  await expect
    .poll(() => page.getByTestId("co2").textContent(), { timeout: 2000, interval: 50 })
    .toBe("2345");
  await page.getByText("Jetzt lüften", { exact: false }).waitFor();
  expect(problems).toEqual([]);
  await close();
});

describe("on somebody else's page", () => {
  let other: Server;
  let address: string;
  beforeAll(async () => {
    // A strict policy, as careful hosts have it.
    other = createServer((request, response) => {
      const frame = request.url === "/frame";
      response.writeHead(200, {
        "Content-Type": "text/html",
        "Content-Security-Policy": `default-src 'none'; script-src ${stack.web}; connect-src ${stack.web}; frame-src ${stack.web}`,
      });
      response.end(
        `<!doctype html><html lang="de"><title>Schule</title>` +
          (frame
            ? `<iframe src="${stack.web}/embed/rooms/1" title="CO2" width="320" height="400"></iframe>` +
              `<iframe src="${stack.web}/widget/#/sites/1" title="CO2 alt" width="320" height="400"></iframe>`
            : `<script type="module" src="${stack.web}/clair-room.js"></script><clair-room room="1"></clair-room>`),
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

  test("the frame shows the room, and the predecessor's address its site", async () => {
    const { page, problems, close } = await open(browser, `${address}/frame`, {
      expect: /^third party|favicon/,
    });
    await page.frameLocator("iframe >> nth=0").getByText("Room 101").waitFor();
    await page.frameLocator("iframe >> nth=1").getByText("School at the canal").waitFor();
    expect(problems).toEqual([]);
    await close();
  });
});
