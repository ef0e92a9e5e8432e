import { List } from "./list.js";

/**
 * `<press-gap>` before a list: what the reader missed and the server could not tell any more.
 *
 * Open, it stands for what is missing above the list, and the reader chooses: load some of it, or
 * jump to the newest. Otherwise the page shows all that a fresh one shows, and this only says so.
 */
export class PressGap extends HTMLElement {
  /** @type {(what: "load" | "jump") => void} set by who owns the page */
  wanted = () => {};

  connectedCallback() {
    this.#button("load")?.addEventListener("click", () => this.wanted("load"));
    this.#button("jump")?.addEventListener("click", () => this.wanted("jump"));
    this.#button("close")?.addEventListener("click", () => this.close());
  }

  get isOpen() {
    return this.getAttribute("state") === "open";
  }

  /** The list that it is about. */
  get list() {
    const element = this.parentElement?.querySelector("[data-live-list]");
    return element ? new List(element) : undefined;
  }

  /** @param {number | null} missed at least as many; null where nobody knows */
  open(missed) {
    this.#show("open", missed);
  }

  /** @param {number | null} missed what the page shows now, all of it */
  say(missed) {
    this.#show("said", missed);
  }

  close() {
    this.removeAttribute("state");
    this.#write("");
  }

  /**
   * @param {string} state
   * @param {number | null} missed
   */
  #show(state, missed) {
    this.setAttribute("state", state);
    const count = missed?.toLocaleString(document.documentElement.lang) ?? "";
    const words = this.getAttribute(missed ? "data-word-many" : "data-word-some") ?? "";
    const shown = state === "said" ? this.getAttribute("data-word-shown") : "";
    this.#write([words.replace("{count}", count), shown].filter(Boolean).join(" "));
  }

  /** @param {string} words */
  #write(words) {
    const place = this.querySelector("[role=status]");
    if (place && place.textContent !== words) place.textContent = words;
  }

  /** @param {string} what */
  #button(what) {
    return this.querySelector(`[data-${what}]`);
  }
}
