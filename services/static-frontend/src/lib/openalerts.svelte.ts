// How many alerts of an organization are open: what the bell says.
import { fetchEpisodes } from "./api/alerts";

class OpenAlerts {
  #counts = $state.raw<Record<string, number>>({});

  of(organization: string): number {
    return this.#counts[organization] ?? 0;
  }

  note(organization: string, count: number): void {
    this.#counts = { ...this.#counts, [organization]: count };
  }

  /** A bell that cannot be counted rings as it did. */
  async load(organization: string, signal?: AbortSignal): Promise<void> {
    try {
      this.note(organization, (await fetchEpisodes({ organization, open: true }, 1, signal)).count);
    } catch {
      // The pages themselves say what is wrong.
    }
  }
}
export const openAlerts = new OpenAlerts();
