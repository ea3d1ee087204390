// The account and admin pages, on the real stack: each is looked at in all its forms, in German and English. That
// takes minutes, so it is done where pictures are asked for: CLAIR_SHOTS=1, or all.
import { mkdirSync } from "node:fs";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { look, SHOTS } from "./shots";
import { startStack, type Stack } from "./stack";

let browser: Browser;
let stack: Stack;
let session: BrowserContextOptions["storageState"];

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  [browser, stack] = await Promise.all([launch(), startStack()]);
  seed(stack);
  const visit = await open(browser, `${stack.web}/accounts/login/`);
  await visit.page.locator("#login").fill("admin");
  await visit.page.locator("#password").fill("clair-demo");
  await visit.page.getByRole("button", { name: "Einloggen" }).click();
  await visit.page.waitForURL(/dashboard/);
  session = await visit.page.context().storageState();
  await visit.close();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
}, 60_000);

/** What a healthy demo has none of. */
function seed({ sql }: Stack): void {
  sql(`INSERT INTO parked_sample (node_id, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
       SELECT gen_random_uuid(), now() - i * interval '5 min', 600, 201, 40, 'M' FROM generate_series(1, 3) i`);
  sql(`INSERT INTO rejected_sample (node_id, dev_eui, time_s, co2_ppm, reason, field, detail)
       VALUES (gen_random_uuid(), '\\x9876b60000120438', 1600000000, 10001, 'out_of_range', 'co2_ppm', '10001 is outside 0..10000')`);
  sql(`INSERT INTO kept_mail (recipient, subject, text, html)
       VALUES ('vera@schule.example', 'Bitte bestätigen Sie Ihre E-Mail-Adresse', E'Hallo vera,\\n\\nbitte bestätigen.', '')`);
}

const SUBJECTS = [
  "organization membership site address room node installation node_model node_protocol quantity",
  "user_account email_address staff_right api_token account_session",
  "audit_log rejected_sample undecoded_uplink kept_mail",
].flatMap((group) => group.split(" "));
const FIXED = [
  "api_token",
  "account_session",
  "audit_log",
  "rejected_sample",
  "undecoded_uplink",
  "kept_mail",
];

const walk = describe.runIf(process.env.CLAIR_SHOTS);

const languages: [string, BrowserContextOptions][] = [
  ["de", { locale: "de-DE" }],
  ["en", { locale: "en-GB" }],
];

function problems(path: string, name: string, options: BrowserContextOptions & { expect?: RegExp }) {
  return look(browser, stack.web + path, name, options);
}

walk.each(languages)(
  "in %s: no errors, no violated policy, nothing too wide, accessible",
  (language, locale) => {
    const strange = { ...locale, expect: /status of (404|410)/ };
    const known = () => ({ ...strange, storageState: session });

    test.each(["login", "signup", "password/reset", "confirm-email/nokey", "password/reset/key/nokey"])(
      "accounts/%s, for a stranger",
      async (page) => {
        const name = `accounts-${page.replaceAll("/", "-")}-${language}`;
        expect(await problems(`/accounts/${page}/`, name, strange)).toEqual([]);
      },
    );

    test.each(["", "profile/", "email/", "password/change/", "sessions/", "delete/", "logout/"])(
      "accounts/%s",
      async (page) => {
        const name = `accounts-${page.replaceAll("/", "") || "home"}-${language}`;
        expect(await problems(`/accounts/${page}`, name, known())).toEqual([]);
      },
    );

    test.each(["", "parked/", "fidelity/", "queues/", "services/", "nowhere/"])("admin/%s", async (page) => {
      const name = `admin-${page.replaceAll("/", "") || "home"}-${language}`;
      expect(await problems(`/admin/${page}`, name, known())).toEqual([]);
    });

    // The pages are made by the same templates, so some will do for the second language.
    test.each(language === "de" ? SUBJECTS : ["organization", "node", "user_account", "audit_log"])(
      "admin/%s: list, add, change, history, delete",
      async (subject) => {
        const found: string[] = [];
        const sees = async (path: string, name: string) => {
          const here = await problems(path, `admin-${subject}-${name}-${language}`, known());
          found.push(...here.map((one) => `${name}: ${one}`));
        };
        await sees(`/admin/${subject}/`, "list");
        if (!FIXED.includes(subject)) await sees(`/admin/${subject}/add/`, "add");
        const visit = await open(browser, `${stack.web}/admin/${subject}/`, known());
        const first = visit.page.locator("tbody td.check + td a, tbody tr td:first-child a").first();
        const href = (await first.count()) > 0 ? await first.getAttribute("href") : null;
        const box = visit.page.locator('tbody input[name="id"]').first();
        if ((await box.count()) > 0) {
          await box.check();
          await visit.page.locator('select[name="action"]').selectOption("delete");
          await visit.page.locator(".bar button").click();
          await visit.page.locator("form .actions").waitFor();
          await visit.page.screenshot({
            path: `${SHOTS}/admin-${subject}-delete-${language}.png`,
            fullPage: true,
          });
        }
        found.push(...visit.problems);
        await visit.close();
        if (href?.startsWith(`/admin/${subject}/`) && !href.endsWith("/add/")) {
          await sees(href, "change");
          if (!FIXED.includes(subject)) await sees(`${href}history/`, "history");
        }
        expect(found).toEqual([]);
      },
    );
  },
);
