import { Requests } from "./requests.js";
import { Refusal } from "./http-error.js";

/**
 * The last choice: asks the log what is new, and lets the server wait with its answer until
 * something is. It goes through everything that lets pages through.
 */
export class Poll extends Requests {
  static LONGEST = 25; // s; what the server waits at most
  static SHORTEST = 5; // s; a network that cuts sooner than that carries no pages either
  static LEAST = 1_000; // ms from one question to the next, however quick the answers are

  name = "poll";
  patience = 5_000; // ms
  #wait = Poll.LONGEST;

  /** @param {AbortSignal} signal */
  async follow(signal) {
    const first = await this.read(0, signal);
    let more = this.tell(first, this.taken(this.following.since || first.position));
    while (!signal.aborted) {
      const least = new Promise((done) => setTimeout(done, more ? 0 : Poll.LEAST));
      const answer = more ? await this.read(0, signal) : await this.#held(signal);
      more = this.tell(answer, () => true);
      await least;
    }
  }

  /**
   * A proxy may allow less time than the server takes: then the next one is asked to be quicker.
   *
   * @param {AbortSignal} signal
   */
  async #held(signal) {
    try {
      return await this.read(this.#wait, signal);
    } catch (problem) {
      const isCut = !(problem instanceof Refusal) || [502, 504].includes(problem.status);
      if (signal.aborted || !isCut || this.#wait === Poll.SHORTEST) throw problem;
      this.#wait = Math.max(Poll.SHORTEST, Math.floor(this.#wait / 2));
      return await this.read(0, signal);
    }
  }
}
