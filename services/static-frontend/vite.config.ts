import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import manifest from "./package.json" with { type: "json" };

// Where "npm run dev" finds the API; in production a reverse proxy stands before both.
const upstream = process.env.CLAIR_UPSTREAM ?? "http://127.0.0.1:8888";
const proxied = ["/api", "/accounts", "/admin", "/ingest", "/media"];

/**
 * What a file is called that the pages load. The style sheet of managair's pages names fonts, too, and cannot
 * know a hash: theirs have the version of their package.
 */
export function assetName(file: string): string {
  const font = Object.entries(manifest.dependencies).find(
    ([name]) => file.endsWith(".woff2") && file.startsWith(`${name.replace("@fontsource-variable/", "")}-`),
  );
  return `assets/[name]-${font ? font[1] : "[hash]"}[extname]`;
}

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    // Inlined assets would need "data:" in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { assetFileNames: ({ names }) => assetName(names[0] ?? "") } },
  },
  server: { proxy: Object.fromEntries(proxied.map((path) => [path, { target: upstream, xfwd: true }])) },
  test: {
    reporters: ["default", "./tests/unsteady.ts"],
    projects: [
      {
        extends: true,
        // Components are tested as the browser gets them, not as a server would render them.
        resolve: { conditions: ["browser"] },
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          environment: "happy-dom",
          env: { TZ: "UTC" },
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.ts"],
          environment: "node",
          globalSetup: "tests/browser/setup.ts",
          testTimeout: 90_000, // Looking at a page in all its forms takes a while on a busy machine.
          hookTimeout: 60_000,
          retry: 1, // So that an unsteady one does not hide what others say. It is named at the end.
          expect: { poll: { timeout: 30_000 } }, // As long as Playwright waits for what must come.
          fileParallelism: false, // Side by side they take the processor from each other.
        },
      },
    ],
  },
});
