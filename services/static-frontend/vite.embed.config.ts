import { defineConfig } from "vite";

// The custom element is one file with a name that stays, because other people's pages refer to it.
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    lib: { entry: "src/embed/clair-room.ts", formats: ["es"], fileName: () => "clair-room.js" },
  },
});
