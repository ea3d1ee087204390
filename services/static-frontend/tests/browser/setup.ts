import { execFileSync } from "node:child_process";

/** Builds what the tests look at; CLAIR_SKIP_BUILD=1 takes the dist that is there. */
export default function setup(): void {
  if (process.env.CLAIR_SKIP_BUILD) return;
  execFileSync("npm", ["run", "--silent", "build"], {
    cwd: new URL("../../", import.meta.url).pathname,
    stdio: ["ignore", "ignore", "inherit"],
  });
}
