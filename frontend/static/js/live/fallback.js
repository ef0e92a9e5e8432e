/** @import { Transport } from "./transport.js" */

/**
 * Chooses the transport: the best one that works on this network.
 *
 * A transport that ends before its first frame is blocked by something in between, and the next one is
 * tried at once. One that has worked on this page is tried twice first: more likely the server is away
 * for a moment. After the last one the best is tried again.
 */
export class TransportFallback {
  static REMEMBERED_MS = 60_000; // for so long the next page of this tab begins with the transport that worked here

  #transports;
  #storage;
  #at = 0;
  #failures = 0;
  /** @type {Set<number>} */
  #worked = new Set();

  /**
   * @param {(() => Transport)[]} transports makes them, best first
   * @param {Pick<Storage, "getItem" | "setItem">} storage of this tab
   */
  constructor(transports, storage) {
    this.#transports = transports;
    this.#storage = storage;
    const { at = 0, time = 0 } = JSON.parse(storage.getItem("live-way") ?? "{}");
    if (Date.now() - time < TransportFallback.REMEMBERED_MS && at < transports.length) this.#at = at;
  }

  get isBest() {
    return this.#at === 0;
  }

  /** Whether the best transport has worked on this page, so that what is wrong with it is likely to pass. */
  get bestHasWorked() {
    return this.#worked.has(0);
  }

  /** @param {number} [number] of the transport, 0 the best; without it, the one in turn */
  make(number = this.#at) {
    return this.#transports[number]();
  }

  /** Notes that the transport in turn works. */
  worked() {
    this.#failures = 0;
    this.#worked.add(this.#at);
    if (!this.isBest) this.#storage.setItem("live-way", JSON.stringify({ at: this.#at, time: Date.now() }));
  }

  /** @returns {boolean} whether another transport is to be tried at once */
  failed() {
    this.#failures += 1;
    if (this.#failures < (this.#worked.has(this.#at) ? 2 : 1)) return false;
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#transports.length;
    return !this.isBest;
  }

  /** Goes back to the best transport, which is open again. */
  reset() {
    this.#at = this.#failures = 0;
  }
}
