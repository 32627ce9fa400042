import { type Watch, watch } from "../ffi/native.js";

/** Milliseconds between wake-ups below which they count as a flood. */
const FLOOD_GAP = 0.5;
/** So many of them in a row, and waiting goes over to a timer. */
const FLOOD_WAKES = 4;
/** Milliseconds of that timer. */
const COALESCE = 1;
/** With no more records than this after a timer, waiting goes back to the descriptor. */
const CALM_RECORDS = 8;

/**
 * Waits in Node's event loop until a descriptor has records. `"low"` wakes for each; `"auto"` the same until
 * wake-ups come in a flood, then once a millisecond, which takes far more records a second at less cost.
 *
 * Only a wait keeps the process alive.
 */
export class Readiness {
  readonly #watch: Watch;
  #resolve: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Immediate | undefined;
  #watching = false;
  #coalescing = false;
  #lastWake = 0;
  #flood = 0;

  constructor(fd: number) {
    this.#watch = watch(fd, () => this.#wake());
  }

  /** Resolves when there are records, or when cancelled. `seen` is how many came since the last wait. */
  wait(latency: "low" | "auto", seen: number): Promise<void> {
    if (this.#coalescing && (latency === "low" || seen <= CALM_RECORDS)) {
      this.#coalescing = false;
      this.#flood = 0;
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (latency === "auto" && this.#coalescing) this.#timer = setTimeout(() => this.cancel(), COALESCE);
      else this.#listen();
    });
  }

  /** Ends a wait now. */
  cancel(): void {
    clearTimeout(this.#timer);
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
      this.#watch.stop();
      this.#watching = false;
    }
    this.cancel();
  }
}
