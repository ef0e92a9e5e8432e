import { browserStorage } from "./storage.js";

/**
 * `<press-keys>` around a button: turns single keys off, and on again, in this browser.
 *
 * Who speaks to the computer, or misses keys, sets off such keys by accident (WCAG 2.1.4).
 */
export class PressKeys extends HTMLElement {
  static STORAGE_KEY = "press-keys";

  static get areOn() {
    return browserStorage("localStorage").getItem(PressKeys.STORAGE_KEY) !== "off";
  }

  connectedCallback() {
    this.hidden = false; // without this script there are no keys
    this.#say();
    this.querySelector("button")?.addEventListener("click", () => {
      browserStorage("localStorage").setItem(PressKeys.STORAGE_KEY, PressKeys.areOn ? "off" : "on");
      this.#say();
    });
  }

  #say() {
    const button = this.querySelector("button");
    if (button) button.textContent = this.getAttribute(PressKeys.areOn ? "data-word-off" : "data-word-on");
  }
}
