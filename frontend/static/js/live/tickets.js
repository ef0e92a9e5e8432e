import { get, HttpError } from "./http.js";

/** Says who reads: the page's ticket first, later ones from the server. */
export class Tickets {
  #ticket;
  #url;
  #fetched = -Infinity; // when, by a clock that nobody sets

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

  /** Milliseconds since it was had; the page's own may be of any age. */
  get age() {
    return performance.now() - this.#fetched;
  }

  /** Asks for another; empty when nobody is signed in any more. */
  async renew() {
    const answer = await get(this.#url);
    if (!answer.ok) throw new HttpError(answer);
    this.#ticket = (await answer.json()).ticket ?? "";
    this.#fetched = performance.now();
    return this.#ticket;
  }
}
