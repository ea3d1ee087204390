// The headers under which the pages must work: read from nginx's own configuration, so that what is tested is
// what is served.
import { readFileSync } from "node:fs";

const template = readFileSync(new URL("../../nginx/default.conf.template", import.meta.url), "utf8");

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
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
  };
}
