import { List } from "./list.js";

/**
 * `<press-gap>` before a list: the row that says how much was missed when the server could not send it
 * any more.
 *
 * An open gap stands for items that are missing above the list: the reader loads some of them, or jumps to
 * the newest. In the other state the page shows everything that a fresh one does, and the row only says so.
 */
export class PressGap extends HTMLElement {
  /** @type {(what: "load" | "jump") => void} set by the owner of the page */
  wanted = () => {};

  connectedCallback() {
    this.#button("load")?.addEventListener("click", () => this.wanted("load"));
    this.#button("jump")?.addEventListener("click", () => this.wanted("jump"));
    this.#button("close")?.addEventListener("click", () => this.close());
  }

  get isOpen() {
    return this.getAttribute("state") === "open";
  }

  /** The list below it. */
  get list() {
    const element = this.parentElement?.querySelector("[data-live-list]");
    return element ? new List(element) : undefined;
  }

  /** @param {number | null} missed at least as many events; null: not known */
  open(missed) {
    this.#show("open", missed);
  }

  /** @param {number | null} missed as in `open()`; the page shows all of them now */
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
