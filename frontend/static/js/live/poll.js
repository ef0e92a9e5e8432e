import { Requests } from "./requests.js";
import { HttpError } from "./http.js";

/**
 * The last choice: asks the log what is new, and lets the server wait with its answer until
 * something is. It goes through everything that lets pages through.
 */
export class Poll extends Requests {
  static MAX_WAIT_S = 25; // s; what the server waits at most
  static MIN_WAIT_S = 5; // s; a network that cuts sooner than that carries no pages either
  static MIN_INTERVAL_MS = 1_000; // ms from one question to the next, however quick the answers are

  name = "poll";
  timeout = 5_000; // ms
  #wait = Poll.MAX_WAIT_S;

  /** @param {AbortSignal} signal */
  async follow(signal) {
    const first = await this.read(0, signal);
    let more = this.tell(first, this.taken(this.cursor.since || first.position));
    while (!signal.aborted) {
      const least = new Promise((done) => setTimeout(done, more ? 0 : Poll.MIN_INTERVAL_MS));
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
      const isCut = !(problem instanceof HttpError) || [502, 504].includes(problem.status);
      if (signal.aborted || !isCut || this.#wait === Poll.MIN_WAIT_S) throw problem;
      this.#wait = Math.max(Poll.MIN_WAIT_S, Math.floor(this.#wait / 2));
      return await this.read(0, signal);
    }
  }
}
