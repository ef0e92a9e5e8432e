/** @import { Hello } from "./frames.js" */
/** @import { Tickets } from "./tickets.js" */

/**
 * Says who reads: hello with the newest ticket, another before that one ends, and another when the
 * server does not take it. Knows whether that is still who the page was made for.
 */
export class Identity {
  static RENEW_BEFORE_MS = 60_000; // ms before a ticket expires
  static MIN_RENEWAL_INTERVAL_MS = 300_000; // ms; a ticket is not renewed sooner, however wrong this machine's clock is
  static MAX_TIMER_MS = 2 ** 31 - 1; // ms; a longer timer fires at once
  static MAX_RETRIES = 2; // new tickets on one connection: what they are refused, this reader may not have

  #tickets;
  #language;
  #send;
  #renewal = 0;
  #isOld = false; // the ticket that we have
  #tries = 0;
  /** @type {number | null | undefined} whom the page shows; undefined: somebody, whose number is not known yet */
  #shown;
  /** @type {number | null | undefined} */
  #reads;
  #wasSomebody;
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
    this.#wasSomebody = tickets.current !== "";
    this.#shown = this.#reads = this.#wasSomebody ? undefined : null;
  }

  /** Their own name, where the server said it. */
  name = "";

  /** A page made for somebody, and nobody is signed in any more. */
  get isSignedOut() {
    return this.#wasSomebody && this.#reads === null;
  }

  /** On a new connection. */
  async greet() {
    this.#tries = 0;
    if (this.#isOld) await this.#tickets.renew();
    this.#isOld = false;
    this.#hello();
  }

  /** @param {Hello} frame */
  greeted({ user, name, expires }) {
    this.rest();
    this.name = name ?? "";
    if (user !== undefined) this.#reads = user;
    if (this.#shown === undefined && user !== null) this.#shown = user;
    if (user === null || (user !== undefined && !expires)) return;
    // a stream or a poll does not say who reads: we ask from time to time whether that is still so
    const left = expires ? new Date(expires).getTime() - Date.now() - Identity.RENEW_BEFORE_MS : Identity.MIN_RENEWAL_INTERVAL_MS;
    const wait = Math.max(left, Identity.MIN_RENEWAL_INTERVAL_MS - this.#tickets.age, 0);
    this.#renewal = setTimeout(() => this.renew(), Math.min(wait, Identity.MAX_TIMER_MS));
  }

  /** Somebody else reads now than whom the page was made for, or somebody with other rights. */
  get isSomebodyElse() {
    return this.#shown !== this.#reads || this.#hasOtherRights;
  }

  /** The page was made anew, for who reads now. */
  shows() {
    this.#shown = this.#reads;
    this.#hasOtherRights = false;
  }

  /**
   * The server did not take the ticket, or not for everything that the page names: says hello with
   * a new one; false when that did not help before.
   */
  async again() {
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
      this.#isOld = true; // the network will tell by itself; the next connection asks again
    }
  }

  /** The server says that the ticket is worth nothing any more. */
  distrust() {
    this.#isOld = this.#hasOtherRights = true;
  }

  rest() {
    clearTimeout(this.#renewal);
  }

  #hello() {
    const ticket = this.#tickets.current;
    this.#send({ type: "hello", format: "html", language: this.#language, ...(ticket && { ticket }) });
  }
}
