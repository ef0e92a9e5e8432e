/** @import { LiveEvent } from "./frames.js" */

/**
 * What a reader who pauses will see later. While it is on, events wait here as data, and nothing on
 * the page moves; with one exception: what is withdrawn goes at once, from the page and from here.
 */
export class PauseBuffer {
  static MAX_EVENTS = 1_000; // events; a page that missed more is read anew when its reader goes on

  isOn = false;
  /** What is held is not all that the page needs: it must be read anew. */
  isStale = false;
  /** @type {LiveEvent[]} */
  #held = [];

  /** How many things wait, as a reader counts: ten edits of one post are one. */
  get size() {
    return new Set(this.#held.map(({ key }) => key)).size;
  }

  /**
   * @param {LiveEvent[]} events
   * @returns {LiveEvent[]} those to apply now
   */
  take(events) {
    if (!this.isOn) return events;
    const gone = events.filter(takesBack);
    const keys = new Set(gone.map(({ key }) => key));
    this.#held = [...this.#held, ...events].filter(({ key }) => !keys.has(key));
    if (this.#held.length > PauseBuffer.MAX_EVENTS) {
      this.#held = this.#held.slice(-PauseBuffer.MAX_EVENTS);
      this.isStale = true;
    }
    return gone;
  }

  /** @returns {LiveEvent[]} everything that waits; nothing does any more */
  release() {
    return this.#held.splice(0);
  }

  /** The page was read anew: it shows what waited. */
  clear() {
    this.#held = [];
    this.isStale = false;
  }
}

/** @param {LiveEvent} event */
function takesBack({ kind, data }) {
  return kind.endsWith(".withdrawn") || data?.scrubbed === true;
}
