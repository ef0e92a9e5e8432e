/** @import { Frame } from "./frames.js" */

/**
 * Hands frames on in order, one batch at a time, however long a batch takes.
 *
 * Frames that arrive while the page is being changed, or fetched anew, wait here. A batch that fails is
 * not tried again: the failure goes to `failed`, and the frames come again after a reconnect.
 */
export class ReceiveQueue {
  #handle;
  #failed;
  /** @type {Frame[]} */
  #frames = [];
  #busy = false;

  /**
   * @param {(frames: Frame[]) => Promise<void>} handle
   * @param {(problem: unknown) => void} failed
   */
  constructor(handle, failed) {
    this.#handle = handle;
    this.#failed = failed;
  }

  /** @param {Frame} frame */
  push(frame) {
    this.#frames.push(frame);
    if (this.#busy) return;
    this.#busy = true;
    // in a task of its own, so that frames that arrived together are handled together
    setTimeout(() => this.#drain(), 0);
  }

  /** Drops the frames that were not handled: they stand after the cursor, so they will be sent again. */
  clear() {
    this.#frames = [];
  }

  async #drain() {
    try {
      while (this.#frames.length) await this.#handle(this.#frames.splice(0));
    } catch (problem) {
      this.#frames = [];
      this.#failed(problem);
    } finally {
      this.#busy = false;
    }
  }
}
