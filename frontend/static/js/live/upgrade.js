/** @import { Frame } from "./frames.js" */
/** @import { Transport } from "./transport.js" */

/**
 * Tries the best transport from time to time, beside the one in use, with a longer timeout than a page
 * that waits for its first frame can afford.
 */
export class TransportUpgrade {
  static INTERVAL_MS = 60_000;
  static FIRST_TRY_MS = 5_000; // where it had worked: a server that restarts is back by then
  static TIMEOUT_MS = 15_000; // a slow network may only have been too slow for the first try

  #make;
  #onOpen;
  #timer = 0;
  /** @type {Transport | undefined} */
  #trial;

  /**
   * @param {() => Transport} make
   * @param {(transport: Transport, first: Frame) => void} onOpen gets the open transport and its first frame
   */
  constructor(make, onOpen) {
    this.#make = make;
    this.#onOpen = onOpen;
  }

  /** @param {boolean} soon whether the first try comes after some 5 s */
  start(soon) {
    const wait = soon ? TransportUpgrade.FIRST_TRY_MS * (0.5 + Math.random()) : TransportUpgrade.INTERVAL_MS;
    this.#timer ||= setTimeout(() => this.#try(), wait);
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
      this.#onOpen(trial, frame);
    };
    trial.onClose = () => this.#retryLater();
    this.#timer = setTimeout(() => this.#retryLater(), TransportUpgrade.TIMEOUT_MS);
    trial.open();
  }

  #retryLater() {
    this.stop();
    this.start(false);
  }
}
