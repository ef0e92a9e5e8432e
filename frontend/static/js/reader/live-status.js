/** @typedef {"live" | "catching-up" | "reconnecting" | "offline" | "delayed" | "paused" | "ended"} State */

const TROUBLE = ["catching-up", "reconnecting", "offline", "delayed"];

/**
 * `<live-status state="live">`: how live this page is, in words, and when it last changed.
 *
 * The words are the page's (`data-word-live`, `data-word-catching-up`, ...). Trouble is shown only after it
 * has lasted a while: a lost packet, a laptop that wakes up, the next page are none.
 */
export class LiveStatus extends HTMLElement {
  static TROUBLE_DELAY_MS = 4_000; // ms

  #timer = 0;
  #isPaused = false;
  /** @type {State} of the connection */
  #connection = "catching-up";

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** @param {State} state of the connection */
  show(state) {
    this.#connection = state;
    this.#decide();
  }

  /** @param {boolean} isPaused */
  paused(isPaused) {
    this.#isPaused = isPaused;
    this.#decide();
  }

  /** @param {Date} time of the last change */
  updated(time) {
    const shown = this.querySelector("time");
    if (!shown) return;
    shown.dateTime = time.toISOString();
    shown.textContent = this.#word("updated", clock(time));
  }

  /** @param {number} count of things that wait for the reader to go on */
  waiting(count) {
    this.#say("[data-waiting]", count ? this.#word("waiting", number(count)) : "");
  }

  /** @param {number | undefined} count of those who read this page now; undefined: nobody knows */
  readers(count) {
    this.#say("[data-readers]", count ? this.#word("reading", number(count)) : "");
  }

  #decide() {
    // from one trouble to the next the clock runs on
    if (!TROUBLE.includes(this.#state) || TROUBLE.includes(this.getAttribute("state") ?? "")) this.#settle();
    else if (!this.#timer) this.#timer = setTimeout(() => this.#settle(), LiveStatus.TROUBLE_DELAY_MS);
  }

  /** @returns {State} */
  get #state() {
    if (this.#isPaused) return "paused";
    const reaches = this.#connection === "live" || this.#connection === "delayed";
    return reaches && document.querySelector("[data-live-ended]") ? "ended" : this.#connection;
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.getAttribute("state") !== this.#state) this.setAttribute("state", this.#state);
    this.#say("[role=status]", this.getAttribute(`data-word-${this.#state}`) ?? "");
  }

  /**
   * @param {string} place
   * @param {string} words said once: a region that is read aloud repeats what is written again
   */
  #say(place, words) {
    const element = this.querySelector(place);
    if (element && element.textContent !== words) element.textContent = words;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #word(name, value) {
    return (this.getAttribute(`data-word-${name}`) ?? "{}").replace(/\{\w*\}/, value);
  }
}

/** @param {number} count */
function number(count) {
  return count.toLocaleString(document.documentElement.lang);
}

/** @param {Date} time as `15:04:09 KST`, in the reader's zone */
function clock(time) {
  const language = document.documentElement.lang;
  const hour = time.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" }).formatToParts(time);
  return `${hour} ${zone.find(({ type }) => type === "timeZoneName")?.value ?? ""}`.trim();
}
