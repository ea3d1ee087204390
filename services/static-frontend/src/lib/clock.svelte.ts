// One clock for all ages on a page.
class Clock {
  /** Unix seconds, moved on every ten seconds. */
  now = $state(Math.floor(Date.now() / 1000));

  constructor() {
    setInterval(() => (this.now = Math.floor(Date.now() / 1000)), 10_000);
  }
}
export const clock = new Clock();
