// Installations that move on while they are looked at.
import type { Sample } from "../air";
import type { Installation } from "../api/installations";
import { listen, type LiveState, type LiveTarget } from "./listen";
import { withSample } from "../rooms";

export class LiveInstallations {
  /** What was fetched, with newer samples put in. */
  all = $state.raw<Installation[]>([]);
  /** Samples since the page was opened, by installation. */
  fresh = $state.raw(new Map<string, Sample[]>());
  state = $state<LiveState>("polling");

  receive(installationId: string, sample: Sample): void {
    if (!this.all.some((one) => one.id === installationId)) return;
    this.all = withSample(this.all, installationId, sample);
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
