// Writes a .gz beside each text file of dist, so that no server compresses the same bytes twice.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, constants } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (entry.isFile() && /\.(js|css|html|svg|json)$/.test(entry.name)) {
    const file = join(entry.parentPath, entry.name);
    writeFileSync(file + ".gz", gzipSync(readFileSync(file), { level: constants.Z_BEST_COMPRESSION }));
  }
}
