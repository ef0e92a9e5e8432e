/** @import { Page } from "./page.js" */

/**
 * Says which page is being read, for as long as it is: what is counted is who looks, not what is open.
 */
export class Presence {
  static EVERY = 10_000; // ms; the server forgets a reader after 20 s
  static PUBLIC = /^(front|books|(post|book|author|tag)\..+)$/; // `site` is on every page: it tells nothing

  #page;
  #send;
  #timer = 0;

  /**
   * @param {Pick<Page, "topics">} page
   * @param {(frame: object) => void} send
   */
  constructor(page, send) {
    this.#page = page;
    this.#send = send;
  }

  get topic() {
    return [...this.#page.topics()].find((topic) => Presence.PUBLIC.test(topic));
  }

  start() {
    this.stop();
    document.addEventListener("visibilitychange", this.#tell);
    this.#timer = setInterval(this.#tell, Presence.EVERY);
    this.#tell();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#tell);
    clearInterval(this.#timer);
  }

  #tell = () => {
    const { topic } = this;
    if (topic && document.visibilityState !== "hidden") this.#send({ type: "here", topic, state: "viewing" });
  };
}
