import { Idiomorph } from "idiomorph";

const NAMES = ["data-live", "data-live-list", "data-live-count", "data-live-older"];
const REGION = NAMES.map((name) => `[${name}]`).join();
const IDENTITY = [...NAMES, "data-live-fragment", "data-live-group"];

/** Makes one element like another (idiomorph). Nodes that stay are kept, and with them focus and selection. */
export function morph(/** @type {Element} */ shown, /** @type {Element} */ wanted) {
  Idiomorph.morph(shown, wanted, { morphStyle: "outerHTML" });
}

/**
 * Makes the live regions of a document like those of a fresh one, and nothing else: a half-written form,
 * an open menu and the reading place are left alone.
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
 * Makes the elements that depend on the reader like those of a fresh page, and removes those that it lacks.
 * Forms get the new reader's CSRF token.
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
 * Exchanges the content for that of another page, because this one is not there to be read any more.
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

/** @param {Document} root whose outermost live elements are returned */
function regions(root) {
  return [...root.querySelectorAll(REGION)].filter((element) => !element.parentElement?.closest(REGION));
}

/** @param {Element} element */
function identity(element) {
  return IDENTITY.map((name) => element.getAttribute(name)).join("\n");
}
