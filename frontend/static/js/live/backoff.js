/** Returns the wait before the next try: at random up to 1 s, then up to twice as much each time, at most 30 s. */
export class Backoff {
  static BASE_MS = 1_000; // one lost packet should not be felt
  static MAX_WAIT_MS = 30_000; // a laptop that wakes up comes back within this

  #tries = 0;
  #random;

  /** @param {() => number} random of 0 to 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Returns ms, all of it at random ("full jitter"), so that a thousand readers do not return at once. */
  next() {
    const longest = Math.min(Backoff.MAX_WAIT_MS, Backoff.BASE_MS * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random() * longest;
  }

  /** Returns ms, anywhere up to the longest wait, for a server that had no room: without the quick first tries. */
  nextWhenFull() {
    return this.#random() * Backoff.MAX_WAIT_MS;
  }

  /** Begins again with short waits, after a try that worked. */
  reset() {
    this.#tries = 0;
  }
}
