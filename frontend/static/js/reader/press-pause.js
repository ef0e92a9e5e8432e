import { PressKeys } from "./press-keys.js";

/**
 * `<press-pause>` around a button: pauses the page, and resumes it. So does the key `p`, unless a text is
 * being written or shortcuts are turned off.
 */
export class PressPause extends HTMLElement {
  /** @type {(isPaused: boolean) => void} set by the owner of the page */
  changed = () => {};

  connectedCallback() {
    this.hidden = false; // without this script there is nothing to pause
    this.#button?.addEventListener("click", this.#toggle);
    document.addEventListener("keydown", this.#pressed);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#pressed);
  }

  get isPaused() {
    return this.hasAttribute("paused");
  }

  get #button() {
    return this.querySelector("button");
  }

  #toggle = () => {
    this.toggleAttribute("paused");
    const word = this.querySelector("[data-word]");
    if (word) word.textContent = this.getAttribute(this.isPaused ? "data-word-resume" : "data-word-pause");
    this.changed(this.isPaused);
  };

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "p" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (!PressKeys.areOn) return;
    const at = /** @type {Element | null} */ (event.target instanceof Element ? event.target : null);
    if (at?.closest("input, textarea, select, [contenteditable], [role=textbox]")) return;
    this.#toggle();
  };
}
