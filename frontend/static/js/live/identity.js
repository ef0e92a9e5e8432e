/** @import { Hello } from "./frames.js" */
/** @import { Tickets } from "./tickets.js" */

/**
 * Identifies the reader to the server: by the newest ticket, by another one before that expires, and by
 * another one when the server refuses it. Knows whether the page was made for the same reader.
 */
export class Identity {
  static RENEW_BEFORE_MS = 60_000; // before a ticket expires
  static MIN_RENEWAL_INTERVAL_MS = 300_000; // however wrong this machine's clock is
  static MAX_TIMER_MS = 2 ** 31 - 1; // a longer timer fires at once
  static MAX_RETRIES = 2; // new tickets on one connection: what they are refused, this reader may not read

  #tickets;
  #language;
  #send;
  #renewal = 0;
  #isExpired = false; // the current ticket
  #tries = 0;
  /** @type {number | null | undefined} the user whom the page was made for; null: anonymous, undefined: not known yet */
  #pageUser;
  /** @type {number | null | undefined} the user whom the server knows now */
  #user;
  #wasSignedIn;
  #hasOtherRights = false;

  /**
   * @param {Tickets} tickets
   * @param {string} language of the page, in which fragments are wanted
   * @param {(frame: object) => void} send
   */
  constructor(tickets, language, send) {
    this.#tickets = tickets;
    this.#language = language;
    this.#send = send;
    this.#wasSignedIn = tickets.current !== "";
    this.#pageUser = this.#user = this.#wasSignedIn ? undefined : null;
  }

  /** The reader's own name; empty if the server has not named it. */
  name = "";

  /** Whether the page was made for a user, who is signed out by now. */
  get isSignedOut() {
    return this.#wasSignedIn && this.#user === null;
  }

  /** Says hello on a new connection. */
  async begin() {
    this.#tries = 0;
    if (this.#isExpired) await this.#tickets.renew();
    this.#isExpired = false;
    this.#hello();
  }

  /**
   * Takes the server's answer, and plans the renewal of the ticket.
   *
   * @param {Hello} frame
   */
  answered({ user, name, expires }) {
    this.stop();
    this.name = name ?? "";
    if (user !== undefined) this.#user = user;
    if (this.#pageUser === undefined && user !== null) this.#pageUser = user;
    if (user === null || (user !== undefined && !expires)) return;
    // a stream or a poll does not say who reads: the ticket is renewed from time to time to find out
    const left = expires ? new Date(expires).getTime() - Date.now() - Identity.RENEW_BEFORE_MS : Identity.MIN_RENEWAL_INTERVAL_MS;
    const wait = Math.max(left, Identity.MIN_RENEWAL_INTERVAL_MS - this.#tickets.age, 0);
    this.#renewal = setTimeout(() => this.renew(), Math.min(wait, Identity.MAX_TIMER_MS));
  }

  /** Whether the page was made for another user, or for other rights of the same one. */
  get hasChanged() {
    return this.#pageUser !== this.#user || this.#hasOtherRights;
  }

  /** Notes that the page was fetched anew, for the present reader. */
  pageRenewed() {
    this.#pageUser = this.#user;
    this.#hasOtherRights = false;
  }

  /**
   * Says hello with a new ticket, because the server refused the present one, or a topic of the page with it.
   *
   * @returns {Promise<boolean>} false, with nothing done, once that has not helped before
   */
  async retry() {
    if (this.#tries === Identity.MAX_RETRIES || !this.#tickets.current) return false;
    this.#tries += 1;
    await this.#tickets.renew();
    this.#hello();
    return true;
  }

  async renew() {
    try {
      await this.#tickets.renew();
      this.#hello();
    } catch {
      this.#isExpired = true; // the network is away; the next connection renews it
    }
  }

  /** Notes that the server has revoked the ticket. */
  revoked() {
    this.#isExpired = this.#hasOtherRights = true;
  }

  /** Stops renewing the ticket, until the next answer. */
  stop() {
    clearTimeout(this.#renewal);
  }

  #hello() {
    const ticket = this.#tickets.current;
    this.#send({ type: "hello", format: "html", language: this.#language, ...(ticket && { ticket }) });
  }
}
