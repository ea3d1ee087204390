// Keys of webhooks, from the answer that told them, this once, to the page that shows them.
const kept = new Map<string, string>();
export const signingKeys = {
  keep: (channel: string, key: string) => void (key && kept.set(channel, key)),
  /** It is shown until the page is left. */
  take(channel: string): string {
    const key = kept.get(channel) ?? "";
    kept.delete(channel);
    return key;
  },
};
