import { earlier, offset } from "./cursor.js";

/** @import { LiveEvent } from "./frames.js" */

/**
 * The topics and the one position that each request of a stream or poll names.
 *
 * A topic that is added later may start from an earlier position than the others have reached. The next
 * request then begins there for all of them, and events that the others have had already are dropped.
 */
export class TopicCursor {
  /** The position that the answered topics have reached. */
  at = "";
  /** @type {Set<string>} answered: all their events up to `at` have been handed on */
  #answered = new Set();
  /** @type {Set<string>} */
  #asked = new Set();
  #from = "";

  get topics() {
    return [...new Set([...this.#answered, ...this.#asked])];
  }

  /** The position from which the next request reads. */
  get since() {
    return this.#from || this.at;
  }

  /**
   * @param {string[]} topics
   * @param {string} since empty: from now on
   */
  ask(topics, since) {
    for (const topic of topics) this.#asked.add(topic);
    if (since) this.#from = this.since ? earlier(this.since, since) : since;
  }

  /** @param {string[]} topics */
  drop(topics) {
    for (const topic of topics) [this.#answered, this.#asked].forEach((set) => set.delete(topic));
  }

  /**
   * Notes that the server accepted the request.
   *
   * @returns {(event: LiveEvent) => boolean} whether an event of this answer was not handed on before
   */
  answered() {
    const [before, at] = [new Set(this.#answered), this.at];
    this.#answered = new Set(this.topics);
    this.#asked.clear();
    this.at = this.since;
    this.#from = "";
    return ({ position, topics }) => !at || offset(position) > offset(at) || !topics.some((topic) => before.has(topic));
  }
}
