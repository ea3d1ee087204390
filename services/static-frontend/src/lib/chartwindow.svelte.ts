// The stretch of time that charts show, and the series that they need for it. Several charts may share a
// window: then they move together.
import { untrack } from "svelte";
import type { Sample } from "./air";
import type { Installation } from "./api/installations";
import { fetchBuckets, fetchSeries } from "./api/samples";
import { clock } from "./clock.svelte";
import { Remote } from "./resource.svelte";
import { bucketsFrom, joined, SPAN_S, stepFor, type Lane, type Span, type Step, type Window } from "./series";

/** Nothing can be seen in less. */
export const SHORTEST_S = 1800;
const LONGEST_S = 5 * SPAN_S.year;
/** Moving is not followed by a request for every step of it. */
const SETTLE_MS = 180;

export class ChartWindow {
  span = $state<Span>("day");
  /** A window that reaches to now goes on doing so. */
  view = $state.raw<Window>({ from: clock.now - SPAN_S.day, to: clock.now, following: true });

  constructor() {
    $effect(() => {
      const now = clock.now;
      const { from, to, following } = this.view;
      if (following && now > to) this.view = { from: from + now - to, to: now, following };
    });
  }

  show = (from: number, to: number): void => {
    const latest = clock.now + Math.round((to - from) * 0.02);
    const width = Math.min(to - from, LONGEST_S);
    const end = Math.min(to, latest);
    this.view = { from: end - width, to: end, following: end >= clock.now };
  };

  choose(span: Span): void {
    this.span = span;
    this.show(clock.now - SPAN_S[span], clock.now);
  }

  scale(factor: number): void {
    const { from, to, following } = this.view;
    const width = Math.max(SHORTEST_S, Math.round((to - from) * factor));
    const middle = following ? to - width / 2 : (from + to) / 2;
    this.show(Math.round(middle - width / 2), Math.round(middle + width / 2));
  }

  /** Moves on by its own width. */
  turn(direction: 1 | -1): void {
    const { from, to } = this.view;
    this.show(from + direction * (to - from), to + direction * (to - from));
  }
}

interface Loaded {
  from: number;
  to: number;
  step: Step;
  lanes: Lane[];
}

/** The series of a room for a window: what is looked at, in the detail that can be seen. */
export class WindowSeries {
  readonly remote: Remote<Loaded>;
  #loaded: Loaded | null = null;

  /** maxPoints: more than the chart has pixels, so that the picture stays true. */
  constructor(
    private readonly window: () => ChartWindow,
    private readonly lanes: () => Installation[][],
    private readonly fresh: () => Map<string, Sample[]>,
    maxPoints = 4000,
  ) {
    this.remote = new Remote(async (signal) => {
      const { view } = this.window();
      const width = view.to - view.from;
      // A bit more than what is seen, so that panning does not meet an edge at once.
      const from = Math.max(0, Math.round(view.from - width / 2));
      const to = Math.round(Math.min(view.to + width / 2, clock.now + 60));
      const step = stepFor(width);
      const lanes = await Promise.all(
        this.lanes().map(async (lane) => {
          const touching = lane.filter((one) => one.from < to && (one.to ?? Infinity) > from);
          const [samples, buckets] = await Promise.all([
            // Days are drawn as such.
            Promise.all(
              touching.map(async (one) =>
                step === 86_400 ? [] : await fetchSeries(one.id, { from, to, maxPoints }, signal),
              ),
            ),
            // Samples are thinned out for the picture: what is least, most and usual is asked for.
            Promise.all(
              touching.map(async (one) =>
                step === 0 ? [] : await fetchBuckets(one.id, { from, to, step }, signal),
              ),
            ),
          ]);
          return { samples: samples.flat(), buckets: joined(buckets.flat()) };
        }),
      );
      this.#loaded = { from, to, step, lanes };
      return this.#loaded;
    });
    $effect(() => {
      void [this.lanes(), this.window().span];
      this.#loaded = null;
      untrack(() => void this.remote.load());
      return () => this.remote.cancel();
    });
    $effect(() => {
      const { from, to } = this.window().view;
      const timer = setTimeout(() => {
        if (this.#wanting(from, to)) void this.remote.load();
      }, SETTLE_MS);
      return () => clearTimeout(timer);
    });
  }

  #wanting(from: number, to: number): boolean {
    const have = this.#loaded;
    if (!have) return !this.remote.loading;
    const tooCoarse = have.to - have.from > (to - from) * 6 || have.step !== stepFor(to - from);
    // Where the window follows the present, new values come by themselves.
    return (
      tooCoarse || from < have.from || (!this.window().view.following && Math.min(to, clock.now) > have.to)
    );
  }

  /** The stretches that all figures of the window come from. */
  step = $derived.by((): Step => this.remote.current?.step ?? 0);
  /** Their length: each sample of a short window stands for itself. */
  seconds = $derived(this.step || 1);
  /** Days are drawn, and not samples. */
  days = $derived(this.step === 86_400);

  /** Whether all of the window was fetched: nothing is said of one that was not. */
  complete = $derived.by(() => {
    const have = this.remote.current;
    const { from, to, following } = this.window().view;
    return !!have && have.from <= from && (following || Math.min(to, clock.now) <= have.to);
  });

  /** What was fetched and what came in since, for each lane. */
  lanesNow = $derived.by((): Lane[] =>
    this.lanes().map((lane, index) => {
      const own = this.remote.current?.lanes[index] ?? { samples: [], buckets: [] };
      const loadedTo = this.remote.current?.to ?? 0;
      const last = own.samples.at(-1)?.time ?? (this.days ? loadedTo - 60 : 0);
      const newer = lane
        .flatMap((one) => this.fresh().get(one.id) ?? [])
        .filter((sample) => sample.time > last && !sample.faulty);
      const samples = newer.length && !this.days ? [...own.samples, ...newer] : own.samples;
      const buckets =
        this.step === 0
          ? bucketsFrom(samples, 1)
          : joined([...own.buckets, ...bucketsFrom(newer, this.step)]);
      return { samples, buckets };
    }),
  );

  /** The stretches of each lane. */
  buckets = $derived(this.lanesNow.map((lane) => lane.buckets));
}
