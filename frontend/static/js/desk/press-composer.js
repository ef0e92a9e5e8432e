import { ACTIVITY } from "../live/document-events.js";
import { REFRESH } from "../page/document-events.js";

/**
 * `<press-composer>` around a form: Ctrl or Cmd with Enter presses its first button, once, with
 * the last syllable included.
 *
 * While an input method composes (Hangul, kana), the syllable under the cursor is not yet in the
 * field. Ignoring the shortcut then would make people press twice; sending at once would lose the
 * syllable. So composition is ended first, and the form is sent one task later.
 */
export class PressComposer extends HTMLElement {
  static TYPING_PAUSE_MS = 5_000; // ms without a key, and somebody is not typing any more
  static ABANDONED_AFTER_MS = 1_800_000; // ms; who leaves a text alone for longer has left it

  #composing = false;
  #typed = -Infinity; // when
  #idle = 0;
  #sent = false;

  connectedCallback() {
    this.addEventListener("compositionstart", this.#began);
    this.addEventListener("compositionend", this.#ended);
    this.addEventListener("keydown", this.#pressed);
    this.addEventListener("submit", this.#submitted);
    // written on, or back from the next page: it may be sent again
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
    clearTimeout(this.#idle);
    removeEventListener("pageshow", this.#rearmed);
    document.removeEventListener(REFRESH, this.#refreshed);
  }

  /** Whether something here would be lost with the page. */
  get isUnsaved() {
    const fields = [...(this.querySelector("form")?.elements ?? [])];
    return !this.#sent && (this.hasAttribute("unsaved") || fields.some(differs));
  }

  /** What who sits here does, for those who want to know before they begin. */
  get activity() {
    const age = Date.now() - this.#typed;
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

  #began = () => (this.#composing = true);
  #ended = () => (this.#composing = false);
  #rearmed = () => (this.#sent = false);

  #typing = () => {
    this.#rearmed();
    this.#typed = Date.now();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#tell(), PressComposer.TYPING_PAUSE_MS);
    this.#tell();
  };

  #tell() {
    document.dispatchEvent(new Event(ACTIVITY));
  }

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
    this.#tell();
  };
}

/** @param {Element} field whose content is not what the page came with */
function differs(field) {
  if (field instanceof HTMLSelectElement) return [...field.options].some((each) => each.selected !== each.defaultSelected);
  if (field instanceof HTMLInputElement && ["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
  const isText = field instanceof HTMLTextAreaElement || (field instanceof HTMLInputElement && field.type !== "hidden");
  return isText && field.value !== field.defaultValue;
}
