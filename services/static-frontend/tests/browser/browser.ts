// Chromium for the tests: one browser, a context per test, and what went wrong on the page as an error.
import { existsSync } from "node:fs";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
  type Request,
} from "playwright-core";

/** The headless shell first: it has no user interface to draw, and takes half the time. */
const browsers = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? browsers.find((one) => existsSync(one)),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Visit {
  page: Page;
  /** Returns when all that the page asked for has come, and is shown; streams stay open. */
  settled: () => Promise<void>;
  /** Errors of scripts, of the content security policy, and requests to other hosts. */
  problems: string[];
  close: () => Promise<void>;
}

type Expected = { expect?: RegExp };
/** What is done with a context before its first page. */
type Prepared = { prepare?: (context: BrowserContext) => Promise<void> };

/** Opens a page in a context of its own. */
export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions & Expected & Prepared = {},
): Promise<Visit> {
  const { expect, prepare, ...context } = options;
  const made = await browser.newContext({
    locale: "de-DE",
    viewport: { width: 1280, height: 900 },
    ...context,
  });
  await prepare?.(made);
  return { ...(await visit(made, url, { expect })), close: () => made.close() };
}

/** Opens a page; what is expected to be reported is no problem. */
export async function visit(
  context: BrowserContext,
  url: string,
  { expect: expected }: Expected = {},
): Promise<Visit> {
  const page = await context.newPage();
  const problems: string[] = [];
  const report = (text: string) => {
    if (!expected?.test(text)) problems.push(text);
  };
  page.on("pageerror", (error) => report(`script: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") report(`console: ${message.text()}`);
  });
  const origin = new URL(url).origin;
  page.on("request", (request) => {
    const target = new URL(request.url());
    if (target.protocol.startsWith("http") && target.origin !== origin)
      report(`third party: ${request.url()}`);
  });
  const settled = settling(page);
  await page.goto(url);
  return { page, problems, settled, close: () => page.close() };
}

/** Follows what a page asks for. What comes may lead to the next request. */
function settling(page: Page): () => Promise<void> {
  const awaited = new Set<Request>();
  page.on("request", (request) => {
    if (!new URL(request.url()).pathname.endsWith("/live/")) awaited.add(request);
  });
  page.on("requestfinished", (request) => awaited.delete(request));
  page.on("requestfailed", (request) => awaited.delete(request));
  return async () => {
    const deadline = Date.now() + 60_000;
    do {
      while (awaited.size) {
        if (Date.now() > deadline)
          throw new Error(`no answer: ${[...awaited].map((one) => one.url()).join(", ")}`);
        await new Promise((look) => setTimeout(look, 20));
      }
      await page.evaluate(
        () => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))),
      );
    } while (awaited.size);
  };
}
