// Looks at every page, wide and narrow: a picture for people, and what machines can say about it.
import type axe from "axe-core";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { open } from "./browser";

export const SHOTS = join(import.meta.dirname, "../../../../artefacts/screenshots");

const FORMS = {
  "wide-light": { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  "narrow-dark": { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
  "wide-dark": { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  "narrow-light": { viewport: { width: 360, height: 740 }, colorScheme: "light" },
} as const;

/** All four with CLAIR_SHOTS=all; two of them show each layout and each scheme. */
const forms = Object.entries(FORMS).slice(0, process.env.CLAIR_SHOTS === "all" ? 4 : 2);

/** Has every page of a context bring what its violations are found with: that is quicker than to send it to each. */
export async function equip(context: BrowserContext): Promise<void> {
  await context.addInitScript({
    path: join(import.meta.dirname, "../../node_modules/axe-core/axe.min.js"),
  });
}

/** Violations of WCAG 2.2 AA, in a form that a person can act on. */
async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: typeof axe };
    return checker.run(document, {
      resultTypes: ["violations"], // What it finds in order is not described at length.
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
  });
  return found.violations.flatMap((one) =>
    one.nodes.map(
      (node) => `${one.id}: ${node.target.join(" ")}: ${node.failureSummary?.split("\n")[1]?.trim()}`,
    ),
  );
}

/** Returns when nothing moves, colours of another scheme included. */
async function still(page: Page): Promise<void> {
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
        .map((one) => one.finished.catch(() => undefined)),
    ),
  );
}

/** A picture of a page as a story left it, for people. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await still(page);
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** What is wrong with a page as it stands: too wide, not accessible. */
export async function judge(page: Page): Promise<string[]> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return [...(over > 0 ? [`${over} px too wide`] : []), ...(await violations(page))];
}

/**
 * What is wrong with an open page in each form, for pages without scripts, which take any form without being loaded
 * again. Pictures are made where they are asked for.
 */
export async function lookHere(page: Page, name: string): Promise<string[]> {
  const problems: string[] = [];
  for (const [form, { viewport, colorScheme }] of forms) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    if (process.env.CLAIR_SHOTS)
      await page.screenshot({ path: join(SHOTS, `${name}-${form}.png`), fullPage: true });
    problems.push(...(await judge(page)).map((one) => `${name}, ${form}: ${one}`));
  }
  return problems;
}

/** What is wrong with a page: script errors, requests to others, too wide, not accessible. */
export async function look(
  browser: Browser,
  url: string,
  name: string,
  options: Parameters<typeof open>[2] = {},
): Promise<string[]> {
  mkdirSync(SHOTS, { recursive: true });
  const problems: string[] = [];
  for (const [form, context] of forms) {
    const visit = await open(browser, url, {
      reducedMotion: "reduce",
      prepare: equip,
      ...context,
      ...options,
    });
    const { page } = visit;
    await page.locator("h1, .embed h1").first().waitFor({ state: "attached" });
    await visit.settled();
    await page.locator('[role="status"] .bone').first().waitFor({ state: "detached" });
    await still(page);
    await page.screenshot({ path: join(SHOTS, `${name}-${form}.png`), fullPage: true });
    problems.push(...[...visit.problems, ...(await judge(page))].map((one) => `${form}: ${one}`));
    await visit.close();
  }
  return problems;
}
