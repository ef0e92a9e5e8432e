/** @import { RefusedTopic } from "./frames.js" */

/** The topics that this connection follows, has asked for, or was refused. */
export class Subscription {
  /** @type {Set<string>} */
  #followed = new Set();
  /** @type {Set<string>} asked for, not answered */
  #asked = new Set();
  /** @type {Set<string>} */
  #refused = new Set();

  /** Forgets everything, for a new connection. */
  clear() {
    this.#followed.clear();
    this.#asked.clear();
    this.#refused.clear();
  }

  /** Allows refused topics to be asked for again, because the reader may have changed. */
  retryRefused() {
    this.#refused.clear();
  }

  /** @param {Iterable<string>} wanted topics; returns those to be asked for */
  missing(wanted) {
    return [...wanted].filter((topic) => ![this.#followed, this.#asked, this.#refused].some((set) => set.has(topic)));
  }

  /** @param {Set<string>} wanted topics; returns those that are followed besides */
  surplus(wanted) {
    return [...this.#followed].filter((topic) => !wanted.has(topic));
  }

  /** @param {string[]} topics */
  asked(topics) {
    for (const topic of topics) this.#asked.add(topic);
  }

  /**
   * @param {string[]} topics all that the server says are followed now
   * @param {RefusedTopic[]} refused
   */
  answered(topics, refused) {
    this.#followed = new Set(topics);
    for (const topic of topics) this.#asked.delete(topic);
    for (const { topic, code } of refused) {
      this.#asked.delete(topic);
      if (code !== "limit") this.#refused.add(topic); // a connection at its limit may have room later
    }
  }

  /**
   * @param {string[]} topics
   * @param {string} code
   */
  ended(topics, code) {
    for (const topic of topics) {
      this.#followed.delete(topic);
      if (code !== "asked") this.#refused.add(topic);
    }
  }
}
