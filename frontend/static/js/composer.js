/**
 * `<press-composer>` around a form: Ctrl or Cmd with Enter presses its first button, once, with
 * the last syllable included.
 *
 * While an input method composes (Hangul, kana), the syllable under the cursor is not yet in the
 * field. Ignoring the shortcut then would make people press twice; sending at once would lose the
 * syllable. So composition is ended first, and the form is sent one task later.
 */
export class PressComposer extends HTMLElement {
  #composing = false;
  #sent = false;

  connectedCallback() {
    this.addEventListener("compositionstart", this.#began);
    this.addEventListener("compositionend", this.#ended);
    this.addEventListener("keydown", this.#pressed);
    this.addEventListener("submit", this.#submitted);
    // written on, or back from the next page: it may be sent again
    this.addEventListener("input", this.#rearmed);
    addEventListener("pageshow", this.#rearmed);
  }

  disconnectedCallback() {
    this.removeEventListener("compositionstart", this.#began);
    this.removeEventListener("compositionend", this.#ended);
    this.removeEventListener("keydown", this.#pressed);
    this.removeEventListener("submit", this.#submitted);
    this.removeEventListener("input", this.#rearmed);
    removeEventListener("pageshow", this.#rearmed);
  }

  #began = () => (this.#composing = true);
  #ended = () => (this.#composing = false);
  #rearmed = () => (this.#sent = false);

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    // an input method may name the key "Process"; the code tells which one it was
    const isEnter = event.key === "Enter" || event.code === "Enter" || event.code === "NumpadEnter";
    if (!isEnter || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (event.repeat) return;
    if (!this.#composing) return this.#send();
    this.addEventListener("compositionend", () => setTimeout(() => this.#send(), 0), { once: true });
    /** @type {HTMLElement} */ (event.target).blur();
  };

  #send() {
    const form = this.querySelector("form");
    form?.requestSubmit(form.querySelector("button"));
  }

  /** A second press while the first is on its way would publish twice. */
  #submitted = (/** @type {SubmitEvent} */ event) => {
    if (this.#sent) event.preventDefault();
    this.#sent = true;
  };
}
