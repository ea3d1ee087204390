// One clock for all ages on a page.
import { serverTime } from "./servertime";

class Clock {
  /** Unix seconds of the server, moved on every ten seconds, and with each answer that brings the time. */
  now = $state(serverTime.now());

  constructor() {
    setInterval(() => this.move(), 10_000);
    serverTime.moved = () => this.move();
  }

  move(): void {
    this.now = serverTime.now();
  }
}
export const clock = new Clock();
