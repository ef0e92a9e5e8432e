import { ACTIVITY } from "../live/document-events.js";
import { REFRESH } from "../page/document-events.js";

/**
 * `<press-composer>` around a form: Ctrl or Cmd with Enter presses its first button, once, and the last
 * syllable is sent with it.
 *
 * While an input method composes (Hangul, kana), the syllable under the cursor is not in the field yet.
 * A shortcut that is ignored meanwhile would have to be pressed twice; a form that is sent at once would
 * lose the syllable. So the composition is ended first, and the form is sent one task later.
 */
export class PressComposer extends HTMLElement {
  static TYPING_PAUSE_MS = 5_000; // without a key: then the writer is not typing any more
  static ABANDONED_AFTER_MS = 1_800_000; // without a key: then the writer has left the text

  #isComposing = false;
  #typedAt = -Infinity; // epoch ms
  #idleTimer = 0;
  #isSent = false;

  connectedCallback() {
    this.addEventListener("compositionstart", this.#began);
    this.addEventListener("compositionend", this.#ended);
    this.addEventListener("keydown", this.#pressed);
    this.addEventListener("submit", this.#submitted);
    // a text that is written on, or returned to from the next page, may be sent again
    this.addEventListener("input", this.#typing);
    addEventListener("pageshow", this.#rearmed);
    document.addEventListener(REFRESH, this.#refreshed);
  }

  disconnectedCallback() {
    this.removeEventListener("compositionstart", this.#began);
    this.removeEventListener("compositionend", this.#ended);
    this.removeEventListener("keydown", this.#pressed);
    this.removeEventListener("submit", this.#submitted);
    this.removeEventListener("input", this.#typing);
    clearTimeout(this.#idleTimer);
    removeEventListener("pageshow", this.#rearmed);
    document.removeEventListener(REFRESH, this.#refreshed);
  }

  /** Whether a text would be lost with the page. */
  get isUnsaved() {
    const fields = [...(this.querySelector("form")?.elements ?? [])];
    return !this.#isSent && (this.hasAttribute("unsaved") || fields.some(differs));
  }

  /** The activity that other writers are shown. */
  get activity() {
    const age = Date.now() - this.#typedAt;
    if (!this.isUnsaved || age > PressComposer.ABANDONED_AFTER_MS) return "viewing";
    return age < PressComposer.TYPING_PAUSE_MS ? "typing" : "unsaved";
  }

  /** A text stays, even where its writer may not read this page any more; then a notice says that it cannot be sent. */
  #refreshed = (/** @type {Event} */ event) => {
    const { isThere } = /** @type {CustomEvent} */ (event).detail;
    if (!isThere && this.isUnsaved) event.preventDefault();
    const place = this.querySelector("[role=status]");
    const notice = this.querySelector("template")?.content.cloneNode(true);
    if (place && isThere) place.replaceChildren();
    else if (place && notice && !place.hasChildNodes()) place.append(notice);
  };

  #began = () => (this.#isComposing = true);
  #ended = () => (this.#isComposing = false);
  #rearmed = () => (this.#isSent = false);

  #typing = () => {
    this.#rearmed();
    this.#typedAt = Date.now();
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#announce(), PressComposer.TYPING_PAUSE_MS);
    this.#announce();
  };

  #announce() {
    document.dispatchEvent(new Event(ACTIVITY));
  }

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    // an input method may name the key "Process"; the code tells which one it was
    const isEnter = event.key === "Enter" || event.code === "Enter" || event.code === "NumpadEnter";
    if (!isEnter || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (event.repeat) return;
    if (!this.#isComposing) return this.#send();
    this.addEventListener("compositionend", () => setTimeout(() => this.#send(), 0), { once: true });
    /** @type {HTMLElement} */ (event.target).blur();
  };

  #send() {
    const form = this.querySelector("form");
    form?.requestSubmit(form.querySelector("button"));
  }

  /** Refuses a second submit while the first is on its way, which would publish twice. */
  #submitted = (/** @type {SubmitEvent} */ event) => {
    if (this.#isSent) event.preventDefault();
    this.#isSent = true;
    this.#announce();
  };
}

/** @param {Element} field whether its content is not the one that the page came with */
function differs(field) {
  if (field instanceof HTMLSelectElement) return [...field.options].some((each) => each.selected !== each.defaultSelected);
  if (field instanceof HTMLInputElement && ["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
  const isText = field instanceof HTMLTextAreaElement || (field instanceof HTMLInputElement && field.type !== "hidden");
  return isText && field.value !== field.defaultValue;
}
