/** @typedef {"live" | "catching-up" | "reconnecting" | "offline" | "delayed" | "paused" | "ended"} State */

/**
 * `<live-status state="live">`: how live this page is, in words, and when it last changed.
 *
 * The words are the page's (`data-word-live`, `data-word-catching-up`, ...). Trouble is shown only after it
 * has lasted a while: a lost packet, a laptop that wakes up, the next page are none.
 */
export class LiveStatus extends HTMLElement {
  static TROUBLE = 4_000; // ms

  #timer = 0;
  /** @type {State | undefined} */
  #coming;

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  /** @param {State} state */
  show(state) {
    if (state === this.#coming) return;
    this.#coming = state;
    const isTrouble = state !== "live" && state !== "ended" && state !== "paused";
    // from one trouble to the next the clock runs on
    if (!isTrouble) this.#settle();
    else if (!this.#timer && !this.#troubled) this.#timer = setTimeout(() => this.#settle(), LiveStatus.TROUBLE);
    else if (this.#troubled) this.#settle();
  }

  /** @param {Date} time of the last event */
  updated(time) {
    const shown = this.querySelector("time");
    if (!shown) return;
    shown.dateTime = time.toISOString();
    shown.textContent = (this.getAttribute("data-word-updated") ?? "{time}").replace("{time}", clock(time));
  }

  get #troubled() {
    return ["catching-up", "reconnecting", "offline", "delayed"].includes(this.getAttribute("state") ?? "");
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const ended = this.#coming === "live" && document.querySelector("[data-live-ended]");
    this.setAttribute("state", ended ? "ended" : (this.#coming ?? "live"));
    this.#label();
  }

  #label() {
    const words = this.getAttribute(`data-word-${this.getAttribute("state")}`) ?? "";
    const label = this.querySelector("[role=status]");
    if (label && label.textContent !== words) label.textContent = words;
  }
}

/** @param {Date} time as `15:04:09 KST`, in the reader's zone */
function clock(time) {
  const language = document.documentElement.lang;
  const hour = time.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" }).formatToParts(time);
  return `${hour} ${zone.find(({ type }) => type === "timeZoneName")?.value ?? ""}`.trim();
}
