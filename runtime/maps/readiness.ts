import { type Watch, watch } from "../ffi/native.js";

/** Milliseconds between wake-ups below which they count as a flood. */
const FLOOD_GAP = 0.5;
/** So many of them in a row, and waiting goes over to a timer. */
const FLOOD_WAKES = 4;
/** Milliseconds of that timer. */
const COALESCE = 1;
/** With no more records than this after a timer, waiting goes back to the descriptor. */
const CALM_RECORDS = 8;
/** When so much of a ring fills up in that time, the timer, which may come twice as late, is too slow for it. */
const QUARTER = 0.25;
/** With so many records then, only the event loop's turns are waited for; with fewer, each of them is again. */
const TORRENT_RECORDS = 256;
/** So many wake-ups more until the timer is tried again. */
const RETRY_WAKES = 1000;

/**
 * Waits in Node's event loop until a descriptor has records. `"low"` wakes for each; `"auto"` the same until
 * wake-ups come in a flood, then once a millisecond, which takes far more records a second at less cost, or as often as
 * the event loop turns, when the ring would be full before.
 *
 * Only a wait keeps the process alive.
 */
export class Readiness {
  readonly #watch: Watch;
  readonly #size: number;
  #resolve: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #look: NodeJS.Immediate | undefined;
  #watching = false;
  #coalescing = false;
  #torrent = false;
  /** When that was last judged, 0 when a flood has just begun; what came since, and where the reader was. */
  #judged = 0;
  #seen = 0;
  #position = 0;
  #lastWake = 0;
  #flood = 0;

  /** @param size bytes of the ring, or of each. */
  constructor(fd: number, size: number) {
    this.#size = size;
    this.#watch = watch(fd, () => this.#wake());
  }

  /**
   * Resolves when there are records, or when cancelled. `seen` is how many came since the last wait, `position` how many
   * bytes ever.
   */
  wait(latency: "low" | "auto", seen: number, position: number): Promise<void> {
    if (this.#coalescing && latency === "low") this.#calm(0);
    if (this.#coalescing) this.#judge(seen, position);
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (!this.#coalescing) this.#listen();
      else if (this.#torrent) this.#turn = setImmediate(() => this.cancel());
      else this.#timer = setTimeout(() => this.cancel(), COALESCE);
    });
  }

  /** Ends a wait now. */
  cancel(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#watch.keepAlive(false);
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.();
  }

  close(): void {
    this.cancel();
    clearImmediate(this.#look);
    this.#watch.close();
  }

  /** Whether the flood is over, or a torrent: by what came in a millisecond or more since it began, or since last time. */
  #judge(seen: number, position: number): void {
    this.#seen += seen;
    const now = performance.now();
    if (this.#torrent && now - this.#judged < COALESCE) return;
    if (this.#judged > 0) {
      const tooSlow = position - this.#position > QUARTER * this.#size;
      this.#torrent = tooSlow && this.#seen >= TORRENT_RECORDS;
      if (tooSlow ? !this.#torrent : this.#seen <= CALM_RECORDS) this.#calm(tooSlow ? -RETRY_WAKES : 0);
    }
    this.#judged = now;
    this.#position = position;
    this.#seen = 0;
  }

  #calm(flood: number): void {
    this.#coalescing = false;
    this.#flood = flood;
  }

  #listen(): void {
    // Left watching between two waits in a row: starting and stopping costs system calls.
    if (!this.#watching) {
      this.#watch.start();
      // A perf event says once that it has records, and says it to whoever begins to watch; what is told at that
      // moment, in the loop's next turn, comes to nobody. So the records are looked at once more after it.
      clearImmediate(this.#look);
      this.#look = setImmediate(() => {
        this.#look = setImmediate(() => this.cancel());
      });
    }
    this.#watching = true;
    this.#watch.keepAlive(true);
  }

  #wake(): void {
    if (!this.#resolve) {
      // Nobody waits; the next one looks for records before it waits, and after it has begun to.
      this.#watch.stop();
      this.#watching = false;
      return;
    }
    const now = performance.now();
    this.#flood = now - this.#lastWake < FLOOD_GAP ? this.#flood + 1 : 0;
    this.#lastWake = now;
    if (this.#flood >= FLOOD_WAKES) {
      this.#coalescing = true;
      this.#torrent = false;
      this.#judged = 0;
      this.#watch.stop();
      this.#watching = false;
    }
    this.cancel();
  }
}
