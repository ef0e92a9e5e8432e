/** How long to wait before the next try: 0-1 s, then twice as long each time, at most 30 s. */
export class Backoff {
  static BASE_MS = 1_000; // ms; one lost packet should not be felt
  static MAX_WAIT_MS = 30_000; // ms; a laptop that wakes up comes back within this

  #tries = 0;
  #random;

  /** @param {() => number} random of 0 to 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Milliseconds, all of them at random ("full jitter"), so that a thousand readers do not return at once. */
  next() {
    const longest = Math.min(Backoff.MAX_WAIT_MS, Backoff.BASE_MS * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random() * longest;
  }

  /** Where there was no room: in the whole of the longest wait, without the quick first tries. */
  late() {
    return this.#random() * Backoff.MAX_WAIT_MS;
  }

  /** After a try that worked. */
  reset() {
    this.#tries = 0;
  }
}
