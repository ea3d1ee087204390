// Pictures of every page, wide and narrow, light and dark, for people to look at: npx vite-node is not needed,
// the browser tests call this.
import { mkdirSync } from "node:fs";
import type { Browser } from "playwright-core";
import { open } from "./browser";

export const SHOTS = new URL("../../../../artefacts/screenshots/", import.meta.url).pathname;

export async function shoot(
  browser: Browser,
  base: string,
  pages: Record<string, string>,
  options = {},
): Promise<string[]> {
  mkdirSync(SHOTS, { recursive: true });
  const problems: string[] = [];
  for (const [name, path] of Object.entries(pages)) {
    for (const [width, height, form] of [
      [1280, 900, "wide"],
      [360, 740, "narrow"],
    ] as const) {
      for (const colorScheme of ["light", "dark"] as const) {
        const visit = await open(browser, base + path, {
          viewport: { width, height },
          colorScheme,
          ...options,
        });
        await visit.page.waitForLoadState("load");
        await visit.page.locator("h1, h2, .embed p, .head").first().waitFor();
        await visit.page.waitForTimeout(700);
        await visit.page.screenshot({ path: `${SHOTS}${name}-${form}-${colorScheme}.png`, fullPage: true });
        const over = await visit.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) problems.push(`${name} ${form}: ${over} px too wide`);
        problems.push(...visit.problems.map((one) => `${name} ${form}: ${one}`));
        await visit.close();
      }
    }
  }
  return problems;
}
