// What svelte-check and Prettier do not see: mistakes with promises, effects and templates.
import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
  { ignores: ["dist/", "node_modules/", "src/lib/api/schema.d.ts"] },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  svelte.configs.recommended,
  svelte.configs.prettier,
  {
    languageOptions: {
      globals: { ...globals.browser, ...globals.node },
      parserOptions: { projectService: true, extraFileExtensions: [".svelte"] },
    },
    rules: {
      // The API's ids and counts stand in addresses and messages.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowRegExp: true }],
      // "!" says what noUncheckedIndexedAccess cannot know.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Remote.load() keeps its failure itself.
      "@typescript-eslint/no-misused-promises": [
        "error",
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      // What the types promise of browsers, charts and servers, not all of them keep.
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/no-generated-empty-object-type": "off",
      // What is written to a $state.raw is a copy, and is never changed.
      "svelte/prefer-svelte-reactivity": "off",
      // Effects name what they depend on by reading it: void [a, b].
      "@typescript-eslint/no-meaningless-void-operator": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  { files: ["*.js", "scripts/*.mjs"], extends: [ts.configs.disableTypeChecked] },
);
