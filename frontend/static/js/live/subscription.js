/** @import { RefusedTopic } from "./frames.js" */

/** Which topics this connection follows, was refused, or has asked for. */
export class Subscription {
  /** @type {Set<string>} */
  #followed = new Set();
  /** @type {Set<string>} asked for, not answered */
  #asked = new Set();
  /** @type {Set<string>} */
  #refused = new Set();

  /** A new connection follows nothing yet, and who reads may have changed. */
  clear() {
    this.#followed.clear();
    this.#asked.clear();
    this.#refused.clear();
  }

  /** Who reads may have changed: what was refused may be asked for again. */
  forgive() {
    this.#refused.clear();
  }

  /** @param {Iterable<string>} wanted */
  missing(wanted) {
    return [...wanted].filter((topic) => ![this.#followed, this.#asked, this.#refused].some((set) => set.has(topic)));
  }

  /** @param {Set<string>} wanted */
  surplus(wanted) {
    return [...this.#followed].filter((topic) => !wanted.has(topic));
  }

  /** @param {string[]} topics */
  asked(topics) {
    for (const topic of topics) this.#asked.add(topic);
  }

  /**
   * @param {string[]} topics all that are followed now
   * @param {RefusedTopic[]} refused
   */
  answered(topics, refused) {
    this.#followed = new Set(topics);
    for (const topic of topics) this.#asked.delete(topic);
    for (const { topic, code } of refused) {
      this.#asked.delete(topic);
      if (code !== "limit") this.#refused.add(topic); // a full connection may have room later
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
