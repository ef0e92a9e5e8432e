/**
 * When to read the page again because a list lost an item and what followed it stands on the next
 * page, or because a count was changed by what is not shown. One time for many such changes.
 *
 * All readers of a page lose the same item at the same moment, so each waits a while at random.
 */
export class Refill {
  static LEAST = 500; // ms; more of the same follows at once
  static RATE = 100; // pages a second that the readers of one page ask for together
  static UNKNOWN = 200; // readers, where nobody says how many
  static LATER = 30_000; // ms, after a failure

  #fill;
  #timer = 0;

  /** @param {() => void} fill */
  constructor(fill) {
    this.#fill = fill;
  }

  /** @param {number} [readers] of this page now */
  want(readers = Refill.UNKNOWN) {
    this.#in(Refill.LEAST + (Math.random() * 1_000 * readers) / Refill.RATE);
  }

  later() {
    this.#in(Refill.LATER * (0.5 + Math.random()));
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
