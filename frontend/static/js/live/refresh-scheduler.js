/**
 * When to read the page again because a list lost an item and what followed it stands on the next
 * page, or because a count was changed by what is not shown. One time for many such changes.
 *
 * All readers of a page lose the same item at the same moment, so each waits a while at random.
 */
export class RefreshScheduler {
  static MIN_WAIT_MS = 500; // ms; more of the same follows at once
  static MAX_PAGES_PER_SECOND = 100; // pages a second that the readers of one page ask for together
  static ASSUMED_READERS = 200; // readers, where nobody says how many
  static RETRY_AFTER_MS = 30_000; // ms, after a failure

  #fill;
  #timer = 0;

  /** @param {() => void} fill */
  constructor(fill) {
    this.#fill = fill;
  }

  /** @param {number} [readers] of this page now */
  want(readers = RefreshScheduler.ASSUMED_READERS) {
    this.#in(RefreshScheduler.MIN_WAIT_MS + (Math.random() * 1_000 * readers) / RefreshScheduler.MAX_PAGES_PER_SECOND);
  }

  later() {
    this.#in(RefreshScheduler.RETRY_AFTER_MS * (0.5 + Math.random()));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** @param {number} wait ms */
  #in(wait) {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#fill();
    }, wait);
  }
}
