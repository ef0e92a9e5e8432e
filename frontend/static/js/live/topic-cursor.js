import { earlier, offset } from "./cursor.js";

/** @import { LiveEvent } from "./frames.js" */

/**
 * What a transport follows that names all of it in each request: topics, and one position.
 *
 * Topics that come later may start from an earlier position than the others have reached. The next
 * request then begins there for all, and what the others have had is dropped (`isNew`).
 */
export class TopicCursor {
  /** Where the answered topics stand. */
  at = "";
  /** @type {Set<string>} answered: everything on them up to `at` has been handed on */
  #had = new Set();
  /** @type {Set<string>} */
  #asked = new Set();
  #from = "";

  get topics() {
    return [...new Set([...this.#had, ...this.#asked])];
  }

  /** Where the next request begins. */
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
    for (const topic of topics) [this.#had, this.#asked].forEach((set) => set.delete(topic));
  }

  /**
   * The request was taken; what comes now follows from there.
   *
   * @returns {(event: LiveEvent) => boolean} whether an event of this answer was not handed on before
   */
  answered() {
    const [had, at] = [new Set(this.#had), this.at];
    this.#had = new Set(this.topics);
    this.#asked.clear();
    this.at = this.since;
    this.#from = "";
    return ({ position, topics }) => !at || offset(position) > offset(at) || !topics.some((topic) => had.has(topic));
  }
}
