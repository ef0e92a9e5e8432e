import { get, HttpError } from "./http.js";

/** Holds the reader's ticket: first the page's own, later ones from the server. */
export class Tickets {
  #ticket;
  #url;
  #fetchedAt = -Infinity; // by the monotonic clock, which is never set

  /**
   * @param {string} ticket the page's own; empty for a reader who has not signed in
   * @param {string} url
   */
  constructor(ticket, url) {
    this.#ticket = ticket;
    this.#url = url;
  }

  get current() {
    return this.#ticket;
  }

  /** Milliseconds since the ticket was fetched; infinite for the page's own, which may be of any age. */
  get age() {
    return performance.now() - this.#fetchedAt;
  }

  /** Fetches and returns a new ticket; empty if no user is signed in any more. */
  async renew() {
    const answer = await get(this.#url);
    if (!answer.ok) throw new HttpError(answer);
    this.#ticket = (await answer.json()).ticket ?? "";
    this.#fetchedAt = performance.now();
    return this.#ticket;
  }
}
