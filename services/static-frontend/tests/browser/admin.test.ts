// The account and admin pages, on the real stack: each is looked at in German and English.
import { mkdirSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { launch, visit } from "./browser";
import { equip, lookHere, SHOTS } from "./shots";
import { startStack, type Stack } from "./stack";

/** Several are looked at side by side, each at several pages. */
vi.setConfig({ testTimeout: 300_000 });

const LANGUAGES = { de: "de-DE", en: "en-GB" };
type Language = keyof typeof LANGUAGES;

let browser: Browser;
let stack: Stack;
/** Somebody who is not logged in, and the administrator. */
let strangers: Record<Language, BrowserContext>;
let administrators: Record<Language, BrowserContext>;

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  [browser, stack] = await Promise.all([launch(), startStack()]);
  seed(stack);
  strangers = {
    de: await browser.newContext({ locale: LANGUAGES.de }),
    en: await browser.newContext({ locale: LANGUAGES.en }),
  };
  for (const context of Object.values(strangers)) await equip(context);
  const { page } = await visit(strangers.de, `${stack.web}/accounts/login/`);
  await page.locator("#login").fill("admin");
  await page.locator("#password").fill("clair-demo");
  await page.getByRole("button", { name: "Anmelden" }).click();
  await page.waitForURL(/dashboard/);
  const storageState = await strangers.de.storageState();
  await page.close();
  await strangers.de.clearCookies();
  administrators = {
    de: await browser.newContext({ locale: LANGUAGES.de, storageState }),
    en: await browser.newContext({ locale: LANGUAGES.en, storageState }),
  };
  for (const context of Object.values(administrators)) await equip(context);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
}, 60_000);

/** What a healthy demo has none of. */
function seed({ sql }: Stack): void {
  sql(`INSERT INTO parked_sample (node_id, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status, dev_eui, device_id, protocol)
       SELECT gen_random_uuid(), now() - i * interval '5 min', 600, 201, 40, 'M', '9876B6000012043' || i, 'eui-9876b6000012043' || i, 'CLAIRCHEN'
         FROM generate_series(1, 3) i`);
  sql(`INSERT INTO rejected_sample (node_id, dev_eui, time_s, co2_ppm, reason, field, detail)
       VALUES (gen_random_uuid(), '9876B60000120438', 1600000000, -1, 'out_of_range', 'co2_ppm', '-1 is less than 0')`);
  sql(`INSERT INTO undecoded_uplink (digest, forwarder, dev_eui, device_id, f_port, f_cnt, received_at, payload, envelope, reason)
       VALUES (sha256('1'), 'clairchen-forwarder', '9876B60000120438', 'eui-9876b60000120438', 5, 17, now(), '\\x0102', '\\x', 'f_port')`);
  sql(`INSERT INTO kept_mail (recipient, subject, text, html)
       VALUES ('vera@schule.example', 'Bitte bestätigen Sie Ihre E-Mail-Adresse', E'Hallo vera,\\n\\nbitte bestätigen.', '')`);
  sql(
    `INSERT INTO api_token (user_id, name, digest) SELECT min(id), 'Skript', sha256('token') FROM user_account`,
  );
  sql(`INSERT INTO invitation (organization_id, email, digest, created_at, expires_at)
       SELECT min(id), 'willi@schule.example', sha256('key'), now(), now() + interval '7 days' FROM organization`);
  // The check of the next minute takes it back; the page is looked at before.
  sql(`INSERT INTO node_fidelity (node_no, fidelity, since, fault, fault_since)
    SELECT min(no), 'E', now(), 'implausible', now() - interval '2 hours' FROM node
        ON CONFLICT (node_no) DO UPDATE SET fault = excluded.fault, fault_since = excluded.fault_since`);
  sql(`INSERT INTO claim_code (node_id, eui64, organization_id, digest)
       SELECT gen_random_uuid(), '9876B60000120439', min(id), sha256('code') FROM organization`);
  sql(`INSERT INTO ingestion_token (organization_id, node_id, name, digest, last_used_at, revoked_at)
       SELECT min(owner_id), NULL, 'Wetterstation auf dem Dach', sha256('script'), now(), NULL FROM node
        UNION ALL SELECT owner_id, id, 'Alt', sha256('old'), NULL, now() FROM node WHERE no = (SELECT min(no) FROM node)`);
  sql(
    `INSERT INTO network_application (application, organization_id) SELECT 'schule-am-park', min(id) FROM organization`,
  );
  sql(`INSERT INTO staff_right (user_id, subject) SELECT max(id), 'node' FROM user_account`);
}

const SUBJECTS = [
  "organization membership site address room node claim_code network_application ingestion_token installation node_model node_protocol quantity",
  "user_account email_address staff_right api_token invitation account_session",
  "audit_log rejected_sample undecoded_uplink kept_mail",
].flatMap((group) => group.split(" "));
/** They are only looked at, and perhaps deleted. */
const FIXED = [
  "claim_code",
  "ingestion_token",
  "api_token",
  "invitation",
  "account_session",
  "audit_log",
  "rejected_sample",
  "undecoded_uplink",
  "kept_mail",
];

/** Opens a page, has it looked at, and returns all that is wrong with it. */
async function problems(
  context: BrowserContext,
  path: string,
  name: string,
  then: (page: Page) => Promise<string[]> = () => Promise.resolve([]),
): Promise<string[]> {
  const here = await visit(context, stack.web + path, { expect: /status of (404|410|422)/ });
  const found = await lookHere(here.page, name);
  found.push(...(await then(here.page)), ...here.problems.map((one) => `${name}: ${one}`));
  await here.close();
  return found;
}

const fileOf = (path: string) => path.replace(/\/$/, "").replaceAll("/", "-") || "home";

describe.each(["de", "en"] as const)(
  "in %s: no errors, no violated policy, nothing too wide, accessible",
  (language) => {
    test.concurrent.each([
      "login/",
      "signup/",
      "password/reset/",
      "confirm-email/nokey/",
      "password/reset/key/nokey/",
    ])("accounts/%s, for a stranger", async (page) => {
      const name = `accounts-${fileOf(page)}-${language}`;
      expect(await problems(strangers[language], `/accounts/${page}`, name)).toEqual([]);
    });

    test.concurrent.each(["", "profile/", "email/", "password/change/", "sessions/", "delete/", "logout/"])(
      "accounts/%s",
      async (page) => {
        const name = `accounts-${fileOf(page)}-${language}`;
        expect(await problems(administrators[language], `/accounts/${page}`, name)).toEqual([]);
      },
    );

    test.concurrent.each([
      "",
      "parked/",
      "ingestion_token/add/",
      "fidelity/",
      "queues/",
      "services/",
      "nowhere/",
    ])("admin/%s", async (page) => {
      const name = `admin-${fileOf(page)}-${language}`;
      expect(await problems(administrators[language], `/admin/${page}`, name)).toEqual([]);
    });

    // The pages are made by the same templates, so some will do for the second language.
    test.concurrent.each(
      language === "de" ? SUBJECTS : ["organization", "node", "user_account", "audit_log"],
    )("admin/%s: list, delete, add, refused, change, history", async (subject) => {
      const name = (what: string) => `admin-${subject}-${what}-${language}`;
      const known = administrators[language];
      let row = "";
      const found = await problems(known, `/admin/${subject}/`, name("list"), async (page) => {
        const link = page.locator("tbody td.check + td a, tbody tr td:first-child a").first();
        row = (await link.getAttribute("href"))!;
        const box = page.locator('tbody input[name="id"]').first();
        if ((await box.count()) === 0) return [];
        await box.check();
        await page.locator('select[name="action"]').selectOption("delete");
        await page.locator(".bar button").click();
        await page.locator("form .actions").waitFor();
        return lookHere(page, name("delete"));
      });
      expect(row).toMatch(new RegExp(`^/admin/${subject}/[^/]+/$`));
      found.push(...(await problems(known, row, name("change"))));
      if (!FIXED.includes(subject)) {
        found.push(...(await problems(known, `${row}history/`, name("history"))));
        found.push(
          ...(await problems(known, `/admin/${subject}/add/`, name("add"), async (page) => {
            await page.locator("main form .actions button").first().click();
            await page.locator("main .wrong").first().waitFor();
            return lookHere(page, name("refused"));
          })),
        );
      }
      expect(found).toEqual([]);
    });
  },
);
