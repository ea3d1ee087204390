// The id of a node follows from its protocol and device EUI, as in pkg/measurement: the first 16 bytes of
// SHA-256(protocol || device EUI). Both are tested on the same examples.

/** The families of nodes, with which the protocol's identifier in the inventory begins. */
const FAMILIES = ["CLAIRCHEN", "ELSYSERS", "TALKPOOLOY1012"];

export function familyOf(protocolIdentifier: string): string | null {
  const identifier = protocolIdentifier.toUpperCase();
  return FAMILIES.find((family) => identifier.startsWith(family)) ?? null;
}

/** The protocol that a model speaks, where a word of the model's names is in the protocol's; else undefined. */
export function protocolFor<P extends { identifier: string }>(
  model: { manufacturer: string; tradeName: string; name: string },
  protocols: readonly P[],
): P | undefined {
  const words = `${model.manufacturer} ${model.tradeName} ${model.name}`.toUpperCase().split(/[^A-Z0-9]+/);
  const telling = words.filter((word) => word.length > 3);
  return protocols.find(({ identifier }) => telling.some((word) => identifier.toUpperCase().includes(word)));
}

/** Sixteen hexadecimal digits, however they are grouped on the label; null for anything else. */
export function parseEui(text: string): string | null {
  const digits = text.replace(/[\s:.-]/g, "").toUpperCase();
  return /^[0-9A-F]{16}$/.test(digits) ? digits : null;
}

/** Null where the browser has no cryptography, which it has over https and on localhost only. */
export async function nodeId(family: string, eui: string): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  const bytes = eui.match(/../g)!.map((pair) => parseInt(pair, 16));
  const input = new Uint8Array([...new TextEncoder().encode(family), ...bytes]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", input));
  const hex = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
