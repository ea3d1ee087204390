// A value that is fetched: loading, there, there but old, or failed.

export class Remote<T> {
  current = $state.raw<T | undefined>();
  error = $state.raw<unknown>();
  loading = $state(false);
  #controller: AbortController | undefined;

  constructor(private readonly fetcher: (signal: AbortSignal) => Promise<T>) {}

  /** Fetches anew; what is there stays visible meanwhile. The newest call wins. */
  load = async (): Promise<void> => {
    this.#controller?.abort();
    const controller = new AbortController();
    this.#controller = controller;
    this.loading = true;
    try {
      const value = await this.fetcher(controller.signal);
      if (this.#controller !== controller) return;
      this.current = value;
      this.error = undefined;
    } catch (error) {
      if (this.#controller !== controller || controller.signal.aborted) return;
      this.error = error;
    }
    this.loading = false;
  };

  cancel(): void {
    this.#controller?.abort();
    this.#controller = undefined;
  }
}

/** Fetches when the component appears and whenever what the fetcher reads before its first await changes. */
export function remote<T>(fetcher: (signal: AbortSignal) => Promise<T>): Remote<T> {
  const result = new Remote(fetcher);
  $effect(() => {
    void result.load();
    return () => result.cancel();
  });
  return result;
}
