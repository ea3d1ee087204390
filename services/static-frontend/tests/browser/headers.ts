// The headers under which the pages must work: read from nginx's own configuration, so that what is tested is
// what is served.
import { readFileSync } from "node:fs";

const read = (file: string) => readFileSync(new URL(`../../nginx/${file}`, import.meta.url), "utf8");
const template = read("default.conf.template");
/** What every answer has. */
const all = Object.fromEntries(
  [...read("headers.conf").matchAll(/^add_header (\S+) "?([^"\n]*?)"? always;$/gm)].map(([, name, value]) => [
    name,
    value,
  ]),
) as Record<string, string>;

function policy(name: string): string {
  const found = new RegExp(`set \\$${name} "([^"]*)"`).exec(template)?.[1];
  if (found === undefined) throw new Error(`no ${name} in the configuration of nginx`);
  return found.replaceAll("${TILE_ORIGIN}", "").replace(/ +/g, " ");
}

/** Pages under these paths may stand in frames of other sites. */
const FRAMED = /^\/(embed|widget)(\/|$)/;

export function securityHeaders(path: string): Record<string, string> {
  return {
    "Content-Security-Policy": `${policy("csp")}; frame-ancestors ${FRAMED.test(path) ? "*" : "'self'"}`,
    ...all,
    "Referrer-Policy": "same-origin",
  };
}
