import { ACTIVITY } from "./document-events.js";

/** @import { LivePage, StatusDisplay } from "./display.js" */
/** @import { Person, Presence as PresenceFrame } from "./frames.js" */

/**
 * What a page for writers adds: the places its reader is at, what the reader does there, and a
 * display of the others.
 *
 * @typedef {object} PresenceSource
 * @property {string[]} places topics that the reader is at; none: the page's own public topic
 * @property {Person["state"]} activity
 * @property {(people: Person[]) => void} show shows the others at the first of the places
 * @property {(renew: () => void) => void} start calls `renew` every 10 s where the page's own timers are too slow for that
 * @property {() => void} stop
 */

/**
 * Renews the reader's lease on the topics this page is about, every `INTERVAL_MS` while the page is
 * visible: readers are counted, not open tabs. A text that is not saved is reported by a hidden page, too.
 */
export class Presence {
  static INTERVAL_MS = 10_000; // the server ends a lease after 20 s
  static PUBLIC_TOPIC = /^(front|books|(post|book|author|tag)\..+)$/; // `site` is on every page: it tells nothing

  #page;
  #send;
  #status;
  /** @type {PresenceSource | undefined} */
  #source;
  #timer = 0;
  #sentState = "";

  /**
   * @param {Pick<LivePage, "topics">} page
   * @param {(frame: object) => void} send
   * @param {Pick<StatusDisplay, "readers">} status
   */
  constructor(page, send, status) {
    this.#page = page;
    this.#send = send;
    this.#status = status;
  }

  /**
   * Takes places and activity from this source. It may come late, from a script of its own.
   *
   * @param {PresenceSource} source
   */
  use(source) {
    this.#source?.stop();
    this.#source = source;
    if (this.#timer) this.start();
  }

  start() {
    this.stop();
    for (const name of ["visibilitychange", ACTIVITY]) document.addEventListener(name, this.#changed);
    this.#timer = setInterval(this.#renew, Presence.INTERVAL_MS);
    this.#source?.start(this.#renew);
    this.#renew();
  }

  stop() {
    for (const name of ["visibilitychange", ACTIVITY]) document.removeEventListener(name, this.#changed);
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#source?.stop();
  }

  /** Ends the leases at once, because the page is left; otherwise they would end by themselves. */
  leave() {
    for (const topic of this.#places) this.#send({ type: "here", topic, state: "gone" });
    this.stop();
  }

  /**
   * @param {PresenceFrame} frame
   * @param {string} self the name of this page's reader, who is not shown
   * @returns {number | undefined} the readers of this page, if the frame is about it
   */
  update({ topic, readers, people = [] }, self) {
    if (this.#source?.places[0] === topic) this.#source.show(people.filter(({ name }) => name !== self));
    if (topic !== this.#places[0] || !Presence.PUBLIC_TOPIC.test(topic)) return undefined;
    this.#status.readers(readers);
    return readers;
  }

  /** The connection is gone, and with it what is known of others. */
  lost() {
    this.stop();
    this.#status.readers(undefined);
    this.#source?.show([]);
  }

  get #places() {
    if (this.#source?.places.length) return this.#source.places;
    const topic = [...this.#page.topics()].find((name) => Presence.PUBLIC_TOPIC.test(name));
    return topic ? [topic] : [];
  }

  get #state() {
    const activity = this.#source?.activity ?? "viewing";
    const isVisible = document.visibilityState !== "hidden";
    return isVisible || activity !== "viewing" ? activity : "";
  }

  #changed = () => {
    if (this.#sentState !== this.#state) this.#renew();
  };

  #renew = () => {
    this.#sentState = this.#state;
    if (!this.#sentState) return; // a hidden page: its lease ends by itself
    for (const topic of this.#places) this.#send({ type: "here", topic, state: this.#sentState });
  };
}
