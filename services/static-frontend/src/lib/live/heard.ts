// What was heard of installations that are fetched as well: either may come first, and be the newer one.
import type { Sample } from "../air";
import type { Installation } from "../api/installations";
import { withSample } from "../rooms";

/** Other pages of the browser listen to other things; of those a page is told as well. */
const MAX_INSTALLATIONS = 1000;

export class Heard {
  readonly #latest = new Map<string, Sample>();

  /** Notes a sample, and reports whether it is the newest of its installation so far. */
  add(installationId: string, sample: Sample): boolean {
    const known = this.#latest.get(installationId);
    if (known && known.time >= sample.time) return false;
    // A map keeps the order of insertion: the one that was silent for longest goes.
    this.#latest.delete(installationId);
    this.#latest.set(installationId, sample);
    const oldest = this.#latest.keys().next();
    if (this.#latest.size > MAX_INSTALLATIONS && !oldest.done) this.#latest.delete(oldest.value);
    return true;
  }

  /** What was fetched, with what was heard put in where that is newer. */
  merge(fetched: readonly Installation[]): Installation[] {
    return fetched.map((one) => {
      const sample = this.#latest.get(one.id);
      return sample ? withSample(one, sample) : one;
    });
  }
}
