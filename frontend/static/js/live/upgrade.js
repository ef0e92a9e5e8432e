/** @import { Frame } from "./frames.js" */
/** @import { Transport } from "./transport.js" */

/**
 * The way back up: from time to time tries the best transport beside the one in use, with more
 * patience than there is while a page waits for its first word.
 */
export class TransportUpgrade {
  static INTERVAL_MS = 60_000; // ms
  static FIRST_TRY_MS = 5_000; // ms; where it worked before, a server that restarted is back by then
  static TIMEOUT_MS = 15_000; // ms; a slow network may only have been too slow for the first try

  #make;
  #arrived;
  #timer = 0;
  /** @type {Transport | undefined} */
  #trial;

  /**
   * @param {() => Transport} make
   * @param {(transport: Transport, first: Frame) => void} arrived it is open, and this is its first frame
   */
  constructor(make, arrived) {
    this.#make = make;
    this.#arrived = arrived;
  }

  /** @param {boolean} soon */
  start(soon) {
    if (!this.#timer) this.#timer = setTimeout(() => this.#try(), soon ? TransportUpgrade.FIRST_TRY_MS * (0.5 + Math.random()) : TransportUpgrade.INTERVAL_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#trial?.close();
    this.#trial = undefined;
  }

  #try() {
    const trial = (this.#trial = this.#make());
    trial.onFrame = (frame) => {
      this.#trial = undefined;
      this.stop();
      this.#arrived(trial, frame);
    };
    trial.onClose = () => this.#again();
    this.#timer = setTimeout(() => this.#again(), TransportUpgrade.TIMEOUT_MS);
    trial.open();
  }

  #again() {
    this.stop();
    this.start(false);
  }
}
