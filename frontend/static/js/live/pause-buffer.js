/** @import { LiveEvent } from "./frames.js" */

/**
 * Holds the events that arrive while the reader pauses. One exception passes at once: an event that
 * withdraws an object, whose earlier events are dropped from here.
 */
export class PauseBuffer {
  static MAX_EVENTS = 1_000; // a page that missed more is fetched anew when the pause ends

  isOn = false;
  /** Whether the held events are not enough, so that the page must be fetched anew. */
  isStale = false;
  /** @type {LiveEvent[]} */
  #held = [];

  /** The number of objects that held events change: ten edits of one post count as one. */
  get size() {
    return new Set(this.#held.map(({ key }) => key)).size;
  }

  /**
   * @param {LiveEvent[]} events
   * @returns {LiveEvent[]} those to apply now: all of them without a pause, else the withdrawals
   */
  take(events) {
    if (!this.isOn) return events;
    const withdrawals = events.filter(withdraws);
    const keys = new Set(withdrawals.map(({ key }) => key));
    this.#held = [...this.#held, ...events].filter(({ key }) => !keys.has(key));
    if (this.#held.length > PauseBuffer.MAX_EVENTS) {
      this.#held = this.#held.slice(-PauseBuffer.MAX_EVENTS);
      this.isStale = true;
    }
    return withdrawals;
  }

  /** @returns {LiveEvent[]} all held events, which are held no more */
  release() {
    return this.#held.splice(0);
  }

  /** Forgets everything, because the page was fetched anew and shows it. */
  clear() {
    this.#held = [];
    this.isStale = false;
  }
}

/** @param {LiveEvent} event whether it withdraws its object */
function withdraws({ kind, data }) {
  return kind.endsWith(".withdrawn") || data?.scrubbed === true;
}
