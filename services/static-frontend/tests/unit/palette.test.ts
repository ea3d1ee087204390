// What must stand outside of the palette and the style sheet: colours that browsers read before any, and the
// fonts of managair's pages.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assetName } from "../../vite.config";

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

test("the pages of managair have the fonts of these", () => {
  const faces = (css: string) =>
    [...css.matchAll(/@font-face \{([^}]*)\}/g)].map(([, face]) => face!.replace(/\s+/g, " ").trim());
  const named = faces(read("../managair/internal/web/style.css"));
  const wanted = ["hanken-grotesk", "bricolage-grotesque"].map((family) => {
    const file = `${family}-latin-wght-normal.woff2`;
    const face = faces(read(`node_modules/@fontsource-variable/${family}/wght.css`)).find((one) =>
      one.includes(file),
    )!;
    const path = assetName(file).replace("[name]", file.slice(0, -6));
    return face.replaceAll("'", '"').replace(`./files/${file}`, `/${path.replace("[extname]", ".woff2")}`);
  });
  expect(named).toEqual(wanted);
});
