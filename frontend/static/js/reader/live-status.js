/** @typedef {"live" | "catching-up" | "reconnecting" | "offline" | "delayed" | "paused" | "ended"} State */

const TROUBLE = ["catching-up", "reconnecting", "offline", "delayed"];

/**
 * `<live-status state="live">`: the state of the connection in words, and the time of the last change.
 *
 * The words are the page's (`data-word-live`, `data-word-catching-up`, ...). Trouble is shown only after it
 * has lasted a while: a lost packet, a laptop that wakes up and a change of pages are none.
 */
export class LiveStatus extends HTMLElement {
  static TROUBLE_DELAY_MS = 4_000;

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

  /** @param {number} count of objects whose changes wait for the end of the pause */
  waiting(count) {
    this.#write("[data-waiting]", count ? this.#word("waiting", number(count)) : "");
  }

  /** @param {number | undefined} count of readers of this page now; undefined: not known */
  readers(count) {
    this.#write("[data-readers]", count ? this.#word("reading", number(count)) : "");
  }

  #decide() {
    // one trouble after another is one trouble: its timer runs on
    if (!TROUBLE.includes(this.#state) || TROUBLE.includes(this.getAttribute("state") ?? "")) this.#settle();
    else if (!this.#timer) this.#timer = setTimeout(() => this.#settle(), LiveStatus.TROUBLE_DELAY_MS);
  }

  /** @returns {State} */
  get #state() {
    if (this.#isPaused) return "paused";
    const isConnected = this.#connection === "live" || this.#connection === "delayed";
    return isConnected && document.querySelector("[data-live-ended]") ? "ended" : this.#connection;
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.getAttribute("state") !== this.#state) this.setAttribute("state", this.#state);
    this.#write("[role=status]", this.getAttribute(`data-word-${this.#state}`) ?? "");
  }

  /**
   * @param {string} place
   * @param {string} words written only if they differ: a live region that is written again is read aloud again
   */
  #write(place, words) {
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
