// What is known of a device by its label: its number, and what it speaks.

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
