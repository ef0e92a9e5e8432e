/** @import { Person } from "../live/frames.js" */
/** @import { PresenceSource } from "../live/presence.js" */
/** @import { PressComposer } from "./press-composer.js" */
/** @import { PressPeople } from "./press-people.js" */

/**
 * Reads places from the page's `<press-people>` and activity from its `<press-composer>`, and renews
 * the lease by a worker (`data-timer-worker`): the timers of a tab that is hidden for long stand
 * still for a minute, a worker's do not.
 *
 * @implements {PresenceSource}
 */
export class WriterPresence {
  /** @type {Worker | undefined} */
  #worker;

  get places() {
    return this.#people?.places ?? [];
  }

  get activity() {
    return this.#composer?.activity ?? "viewing";
  }

  /** @param {Person[]} people */
  show(people) {
    this.#people?.show(people);
  }

  /** @param {() => void} renew */
  start(renew) {
    const url = this.#composer?.getAttribute("data-timer-worker");
    if (!url) return;
    this.#worker = new Worker(url);
    this.#worker.onmessage = renew;
  }

  stop() {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  get #people() {
    return /** @type {PressPeople | null} */ (document.querySelector("press-people"));
  }

  get #composer() {
    return /** @type {PressComposer | null} */ (document.querySelector("press-composer"));
  }
}
