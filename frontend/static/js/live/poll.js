import { HttpError } from "./http.js";
import { Requests } from "./requests.js";

/**
 * The last choice: long polling. The log is asked for events, and answers once there are any. It works
 * on every network that lets pages through.
 */
export class Poll extends Requests {
  static MAX_WAIT_S = 25; // what the server waits at most
  static MIN_WAIT_S = 5; // a network that cuts sooner carries no pages either
  static MIN_INTERVAL_MS = 1_000; // from one request to the next, however quick the answers are

  name = "poll";
  timeout = 5_000; // ms
  #wait = Poll.MAX_WAIT_S;

  /** @param {AbortSignal} signal */
  async follow(signal) {
    const first = await this.read(0, signal);
    let more = this.handOn(first, this.accepted(this.cursor.since || first.position));
    while (!signal.aborted) {
      const least = new Promise((done) => setTimeout(done, more ? 0 : Poll.MIN_INTERVAL_MS));
      const answer = more ? await this.read(0, signal) : await this.#readWaiting(signal);
      more = this.handOn(answer, () => true);
      await least;
    }
  }

  /**
   * Waits for events; where a proxy cuts the request, asks for half the wait from then on.
   *
   * @param {AbortSignal} signal
   */
  async #readWaiting(signal) {
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
