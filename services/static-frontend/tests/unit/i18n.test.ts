import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, type AST } from "svelte/compiler";
import { describe, expect, test } from "vitest";
import { de } from "../../src/lib/i18n/de";
import { en } from "../../src/lib/i18n/en";
import { ageText, fill, preferredLanguage, regional } from "../../src/lib/i18n/language";

const source = join(import.meta.dirname, "../../src/");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.(svelte|ts)$/.test(name),
);
const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe("dictionaries", () => {
  test("have the same keys", () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(de).sort());
  });
  test.each(Object.keys(de) as (keyof typeof de)[])("%s says something in both languages", (key) => {
    expect(de[key].trim()).not.toBe("");
    expect(en[key].trim()).not.toBe("");
    expect(placeholders(en[key])).toEqual(placeholders(de[key]));
  });
  test("have no message that nobody uses", () => {
    const all = files
      .filter((name) => !name.includes("i18n/"))
      .map((name) => readFileSync(join(source, name), "utf8"));
    const text = all.join("\n");
    // Keys put together, as in t(`level.${level}`), count by what stands before the variable part.
    const prefixes = [...text.matchAll(/[`]([a-zA-Z.]+\.)\$\{/g)].map((found) => found[1]!);
    const unused = Object.keys(de).filter(
      (key) =>
        !text.includes(`"${key}"`) &&
        !text.includes(`"${key.replace(/\.(one|other)$/, "")}"`) &&
        !prefixes.some((prefix) => key.startsWith(prefix)) &&
        key !== "age.now",
    );
    expect(unused).toEqual([]);
  });
});

describe("components have no words of their own", () => {
  /** Units, names and signs that are the same in both languages. */
  const same = /^(Clair|ppm|CO₂|°C|%|m²|[\s\d.,:;·–—()/≥<>]*)$/;
  const spoken = new Set(["aria-label", "title", "placeholder", "alt"]);

  function words(node: unknown, found: string[] = []): string[] {
    if (!node || typeof node !== "object") return found;
    if (Array.isArray(node)) {
      for (const one of node) words(one, found);
      return found;
    }
    const any = node as AST.SvelteNode & Record<string, unknown>;
    if (any.type === "Text" && !same.test((any as AST.Text).data.trim()))
      found.push((any as AST.Text).data.trim());
    for (const [key, value] of Object.entries(any)) {
      if (key === "attributes") {
        for (const attribute of value as AST.Attribute[]) {
          if (attribute.type === "Attribute" && spoken.has(attribute.name)) words(attribute.value, found);
        }
      } else if (key !== "metadata" && key !== "css" && key !== "parent") words(value, found);
    }
    return found;
  }

  test.each(files.filter((name) => name.endsWith(".svelte")))("%s", (name) => {
    const tree = parse(readFileSync(join(source, name), "utf8"), { modern: true });
    expect(words(tree.fragment)).toEqual([]);
  });
});

test("a chosen language goes before the browser's, and an unknown one becomes English", () => {
  expect(preferredLanguage("en", ["de-DE"])).toBe("en");
  expect(preferredLanguage(null, ["de-AT", "en"])).toBe("de");
  expect(preferredLanguage(null, ["fr", "de"])).toBe("de");
  expect(preferredLanguage("xx", ["fr"])).toBe("en");
});

test("dates are those of the reader's country", () => {
  expect(regional("en", ["en-GB", "en-US"])).toBe("en-GB");
  expect(regional("de", ["en-GB", "de-AT"])).toBe("de-AT");
  expect(regional("en", ["de-DE"])).toBe("en");
});

test("fill puts values in and shows what is missing", () => {
  expect(fill("{a} and {b}", { a: 1 })).toBe("1 and {b}");
});

test.each([
  [0, "gerade eben"],
  [-59, "gerade eben"],
  [-180, "vor 3 Minuten"],
  [-7200, "vor 2 Stunden"],
  [-86_400, "gestern"],
  [60, "gerade eben"],
])("a value %d seconds away is said as %s", (offset, want) => {
  expect(ageText("de", "gerade eben", 1_000_000 + offset, 1_000_000)).toBe(want);
});
