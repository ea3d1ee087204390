// Installations that move on while they are looked at.
import type { Sample } from "../air";
import type { Installation } from "../api/installations";
import { Heard } from "./heard";
import { listen, type LiveState, type LiveTarget } from "./listen";

export class LiveInstallations {
  readonly #heard = new Heard();
  #all = $state.raw<Installation[]>([]);
  /** Samples since the page was opened, by installation. */
  fresh = $state.raw(new Map<string, Sample[]>());
  state = $state<LiveState>("polling");

  /** What was fetched, with newer samples put in. */
  get all(): Installation[] {
    return this.#all;
  }
  set all(fetched: Installation[]) {
    this.#all = this.#heard.merge(fetched);
  }

  receive(installationId: string, sample: Sample): void {
    const newest = this.#heard.add(installationId, sample);
    if (!this.#all.some((one) => one.id === installationId)) return;
    if (newest) this.#all = this.#heard.merge(this.#all);
    const known = this.fresh.get(installationId) ?? [];
    if (known.some((one) => one.time === sample.time)) return;
    const sorted = [...known, sample].sort((a, b) => a.time - b.time);
    this.fresh = new Map(this.fresh).set(installationId, sorted);
  }

  listen(target: LiveTarget, refetch: () => void): () => void {
    return listen(target, {
      sample: ({ installationId, sample }) => this.receive(installationId, sample),
      refetch,
      state: (state) => (this.state = state),
    });
  }
}
