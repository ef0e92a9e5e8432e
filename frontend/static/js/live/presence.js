/** @import { Presence as Frame } from "./frames.js" */
/** @import { PressComposer } from "../desk/press-composer.js" */
/** @import { Page } from "../page/page.js" */
/** @import { PressPeople } from "../desk/press-people.js" */
/** @import { LiveStatus } from "../reader/live-status.js" */

/**
 * Says where this page's reader is, for as long as they are: what is counted is who looks, not what is
 * open. Who writes says that too, and goes on saying it behind other tabs while it is not saved.
 */
export class Presence {
  static INTERVAL_MS = 10_000; // ms; the server forgets a reader after 20 s
  static PUBLIC_TOPIC = /^(front|books|(post|book|author|tag)\..+)$/; // `site` is on every page: it tells nothing

  #page;
  #send;
  #status;
  #timer = 0;
  #told = "";
  /** @type {Worker | undefined} */
  #ticks;

  /**
   * @param {Pick<Page, "topics">} page
   * @param {(frame: object) => void} send
   * @param {Pick<LiveStatus, "readers">} status
   */
  constructor(page, send, status) {
    this.#page = page;
    this.#send = send;
    this.#status = status;
  }

  start() {
    this.stop();
    for (const name of ["visibilitychange", "writing"]) document.addEventListener(name, this.#changed);
    this.#timer = setInterval(this.#tell, Presence.INTERVAL_MS);
    this.#tick();
    this.#tell();
  }

  stop() {
    for (const name of ["visibilitychange", "writing"]) document.removeEventListener(name, this.#changed);
    clearInterval(this.#timer);
    this.#ticks?.terminate();
    this.#ticks = undefined;
  }

  /** The page is left: who is gone on purpose is gone at once. */
  leave() {
    for (const topic of this.#places) this.#send({ type: "here", topic, state: "gone" });
    this.stop();
  }

  /**
   * @param {Frame} frame
   * @param {string} self who reads here
   * @returns {number | undefined} those who read this page
   */
  update({ topic, readers, people = [] }, self) {
    if (this.#people?.topic === topic) this.#people.show(people.filter(({ name }) => name !== self));
    if (topic !== this.#places[0] || !Presence.PUBLIC_TOPIC.test(topic)) return undefined;
    this.#status.readers(readers);
    return readers;
  }

  /** The connection is gone, and with it what we know. */
  lost() {
    this.stop();
    this.#status.readers(undefined);
    this.#people?.show([]);
  }

  get #people() {
    return /** @type {PressPeople | null} */ (document.querySelector("press-people"));
  }

  get #composer() {
    return /** @type {PressComposer | null} */ (document.querySelector("press-composer"));
  }

  get #places() {
    if (this.#people) return this.#people.places;
    const topic = [...this.#page.topics()].find((name) => Presence.PUBLIC_TOPIC.test(name));
    return topic ? [topic] : [];
  }

  /** The timers of a tab that is hidden for long stand still for a minute; a worker's do not. */
  #tick() {
    const url = this.#composer?.getAttribute("data-ticks");
    if (!url) return;
    this.#ticks = new Worker(url);
    this.#ticks.onmessage = this.#tell;
  }

  #changed = () => {
    if (this.#told !== this.#state) this.#tell();
  };

  get #state() {
    const state = this.#composer?.activity ?? "viewing";
    const isSeen = document.visibilityState !== "hidden";
    return isSeen || state !== "viewing" ? state : "";
  }

  #tell = () => {
    this.#told = this.#state;
    if (!this.#told) return; // a tab that is hidden: its lease ends by itself
    for (const topic of this.#places) this.#send({ type: "here", topic, state: this.#told });
  };
}
