// The colours that must stand outside of the palette: browsers read them before any style sheet.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(join(import.meta.dirname, "../..", path), "utf8");

test("the browser's frame has the colours of the ground", () => {
  const [, light, dark] = /--ground: light-dark\((#\w+), (#\w+)\)/.exec(
    read("../../pkg/palette/palette.css"),
  )!;
  const page = read("index.html");
  expect(page).toContain(`id="theme-light" name="theme-color" content="${light!}"`);
  expect(page).toContain(`id="theme-dark" name="theme-color" content="${dark!}"`);
  const manifest = JSON.parse(read("public/manifest.json")) as Record<string, unknown>;
  expect(manifest).toMatchObject({ background_color: light, theme_color: light });
});
