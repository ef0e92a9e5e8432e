/**
 * Schedules the next refresh of a page that cannot know what it lacks: a list lost an item, and the one
 * that follows stands on the next page; or a count was changed by an object that is not shown. Many such
 * changes cost one refresh.
 *
 * All readers of a page lose the same item at the same moment, so each waits at random.
 */
export class RefreshScheduler {
  static MIN_WAIT_MS = 500; // more such changes follow at once
  static MAX_PAGES_PER_SECOND = 100; // asked for by all readers of one page together
  static ASSUMED_READERS = 200; // where their number is not known
  static RETRY_AFTER_MS = 30_000;

  #refresh;
  #timer = 0;

  /** @param {() => void} refresh */
  constructor(refresh) {
    this.#refresh = refresh;
  }

  /** @param {number} [readers] of this page now */
  want(readers = RefreshScheduler.ASSUMED_READERS) {
    this.#in(RefreshScheduler.MIN_WAIT_MS + (Math.random() * 1_000 * readers) / RefreshScheduler.MAX_PAGES_PER_SECOND);
  }

  /** Schedules another try, after a refresh that failed. */
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
      this.#refresh();
    }, wait);
  }
}
