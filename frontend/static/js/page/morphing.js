import { Idiomorph } from "idiomorph";

const NAMES = ["data-live", "data-live-list", "data-live-count", "data-live-older"];
const REGION = NAMES.map((name) => `[${name}]`).join();
const IDENTITY = [...NAMES, "data-live-fragment", "data-live-group"];

/** Makes one element like another, keeping the nodes that stay, and so their focus and selection. */
export function morph(/** @type {Element} */ shown, /** @type {Element} */ wanted) {
  Idiomorph.morph(shown, wanted, { morphStyle: "outerHTML" });
}

/**
 * Makes all that lives in this document as it is in a fresh one, and nothing else: a half-written
 * form, an open menu, the reader's place are left alone.
 *
 * @param {Document} shown
 * @param {Document} fresh
 */
export function renew(shown, fresh) {
  const wanted = new Map(regions(fresh).map((element) => [identity(element), element]));
  for (const element of regions(shown)) {
    const other = wanted.get(identity(element));
    if (other) morph(element, shown.importNode(other, true));
  }
  renewTopics(shown, fresh);
}

/**
 * Makes what depends on who reads as it is in a fresh page; what is not in it any more goes. Forms
 * are sent with the new reader's token.
 *
 * @param {Document} shown
 * @param {Document} fresh
 */
export function renewReader(shown, fresh) {
  shown.body.setAttribute("data-rights", fresh.body.getAttribute("data-rights") ?? "");
  for (const element of shown.querySelectorAll("[data-live-reader]")) {
    const other = fresh.querySelector(`[data-live-reader="${element.getAttribute("data-live-reader")}"]`);
    if (other) morph(element, shown.importNode(other, true));
    else element.remove();
  }
  const token = fresh.querySelector("[name=csrfmiddlewaretoken]")?.getAttribute("value");
  for (const field of shown.querySelectorAll("[name=csrfmiddlewaretoken]")) field.setAttribute("value", token ?? "");
}

/**
 * Shows another page's content instead: this one is no longer there to be read.
 *
 * @param {Document} shown
 * @param {Document} fresh
 */
export function exchange(shown, fresh) {
  const content = [...fresh.querySelectorAll("main > *")].map((element) => shown.importNode(element, true));
  shown.querySelector("main")?.replaceChildren(...content);
  renewTopics(shown, fresh);
}

/**
 * @param {Document} shown
 * @param {Document} fresh
 */
function renewTopics(shown, fresh) {
  const topics = fresh.querySelector("main")?.getAttribute("data-live-topics");
  if (topics != null) shown.querySelector("main")?.setAttribute("data-live-topics", topics);
}

/** @param {Document} root the outermost elements that live */
function regions(root) {
  return [...root.querySelectorAll(REGION)].filter((element) => !element.parentElement?.closest(REGION));
}

/** @param {Element} element */
function identity(element) {
  return IDENTITY.map((name) => element.getAttribute(name)).join("\n");
}
