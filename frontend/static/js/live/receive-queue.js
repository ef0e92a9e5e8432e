/** @import { Frame } from "./frames.js" */

/**
 * Hands frames on one batch at a time, in order, however long a batch takes.
 *
 * What arrives while the page is being patched, or fetched anew, waits here. A batch that fails
 * is not tried again: its failure goes to `failed`, and the frames come again after a reconnect.
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
    // a task of its own, so that frames which arrived together are patched together
    setTimeout(() => this.#drain(), 0);
  }

  /** Forgets what has not been handled: it stands after the cursor, so it will be sent again. */
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
