/** @import { Transport } from "./transport.js" */

/**
 * Which way to the server: the best one that works here.
 *
 * A way that ends before it said anything is blocked by something in between, and the next one is
 * tried at once. One that did work on this page is given a second chance first: more likely the
 * server is away for a moment. Below the last one it starts again at the top.
 */
export class TransportFallback {
  static REMEMBERED_MS = 60_000; // ms that the next page of this tab trusts what this one found out

  #ways;
  #store;
  #at = 0;
  #failures = 0;
  /** @type {Set<number>} */
  #worked = new Set();

  /**
   * @param {(() => Transport)[]} ways best first
   * @param {Pick<Storage, "getItem" | "setItem">} store of this tab
   */
  constructor(ways, store) {
    this.#ways = ways;
    this.#store = store;
    const { at = 0, time = 0 } = JSON.parse(store.getItem("live-way") ?? "{}");
    if (Date.now() - time < TransportFallback.REMEMBERED_MS && at < ways.length) this.#at = at;
  }

  get isTop() {
    return this.#at === 0;
  }

  /** The best way worked on this page before: what is wrong with it is likely to pass. */
  get hadBetter() {
    return this.#worked.has(0);
  }

  /** @param {number} [number] */
  make(number = this.#at) {
    return this.#ways[number]();
  }

  worked() {
    this.#failures = 0;
    this.#worked.add(this.#at);
    if (!this.isTop) this.#store.setItem("live-way", JSON.stringify({ at: this.#at, time: Date.now() }));
  }

  /** @returns {boolean} whether there is another way to be tried at once */
  failed() {
    this.#failures += 1;
    if (this.#failures < (this.#worked.has(this.#at) ? 2 : 1)) return false;
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#ways.length;
    return !this.isTop;
  }

  /** The best way is open again, or what was in between has changed. */
  top() {
    this.#at = this.#failures = 0;
  }
}
