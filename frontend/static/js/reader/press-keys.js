import { browserStorage } from "./storage.js";

/**
 * `<press-keys>` around a button: turns the shortcuts of a single key off, and on again, in this browser.
 *
 * Speech input and unsteady hands set off such shortcuts by accident (WCAG 2.2, 2.1.4).
 */
export class PressKeys extends HTMLElement {
  static STORAGE_KEY = "press-keys";

  static get areOn() {
    return browserStorage("localStorage").getItem(PressKeys.STORAGE_KEY) !== "off";
  }

  connectedCallback() {
    this.hidden = false; // without this script there are no shortcuts
    this.#write();
    this.querySelector("button")?.addEventListener("click", () => {
      browserStorage("localStorage").setItem(PressKeys.STORAGE_KEY, PressKeys.areOn ? "off" : "on");
      this.#write();
    });
  }

  #write() {
    const button = this.querySelector("button");
    if (button) button.textContent = this.getAttribute(PressKeys.areOn ? "data-word-off" : "data-word-on");
  }
}
