// The server's time, from its answers: clocks of those who look may be hours off, and the age of a value must
// not be.

/** Where the server's time is relative to ours, in milliseconds: between these. */
interface Span {
  low: number;
  high: number;
}

class ServerTime {
  #span: Span | undefined;
  /** Called when an answer has brought the time. */
  moved: () => void = () => undefined;

  /** Unix seconds, by the server as far as it was heard. */
  now(): number {
    return Math.floor((Date.now() + this.#offset()) / 1000);
  }

  /** Takes the time that an answer bears, which was asked for and received at these times of ours. */
  hear(unixS: number, sentMs: number, receivedMs: number): void {
    if (!Number.isFinite(unixS) || receivedMs < sentMs) return;
    // The second was the server's at some moment between the two.
    const heard = { low: unixS * 1000 - receivedMs, high: unixS * 1000 + 1000 - sentMs };
    const before = this.#span ?? heard;
    const both = { low: Math.max(heard.low, before.low), high: Math.min(heard.high, before.high) };
    // Without anything in common, somebody has set a clock.
    this.#span = both.low <= both.high ? both : heard;
    this.moved();
  }

  /** Takes it from the head of an answer. One that a cache has kept for a while is older than it looks. */
  hearAnswer(response: Response, sentMs: number): void {
    const date = response.headers.get("Date");
    const age = Number(response.headers.get("Age") ?? 0);
    if (date && age === 0) this.hear(Date.parse(date) / 1000, sentMs, Date.now());
  }

  /** Nothing while our clock may be right. */
  #offset(): number {
    const { low, high } = this.#span ?? { low: 0, high: 0 };
    if (low > 0) return low;
    return high < 0 ? high : 0;
  }

  /** For tests. */
  forget(): void {
    this.#span = undefined;
  }
}

export const serverTime = new ServerTime();
