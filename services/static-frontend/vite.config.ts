import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// Where "npm run dev" finds the API; in production a reverse proxy stands before both.
const upstream = process.env.CLAIR_UPSTREAM ?? "http://127.0.0.1:8888";
const proxied = ["/api", "/accounts", "/admin", "/ingest", "/media"];

export default defineConfig({
  plugins: [svelte()],
  // Inlined assets would need "data:" in the content security policy.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
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
