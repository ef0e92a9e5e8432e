/**
 * Fragments: the pieces of HTML that events carry, and the elements of the page that show them.
 * An element says what it shows: `data-live="post.42/entry"`, and `data-live-version="5"`.
 */

/** @param {string} html one element */
export function parseFragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const element = template.content.firstElementChild;
  if (!element) throw new Error("a fragment without an element");
  return element;
}

/** @param {Element} element */
export function versionOf(element) {
  return Number(element.getAttribute("data-live-version") ?? 0);
}

/**
 * @param {ParentNode} root
 * @param {string} name
 * @param {string} value
 */
export function byAttribute(root, name, value) {
  return [...root.querySelectorAll(`[${name}="${value.replace(/["\\]/g, "\\$&")}"]`)];
}

/**
 * All elements that show something of one object.
 *
 * @param {ParentNode} root
 * @param {string} key
 */
export function fragmentsOf(root, key) {
  return [...root.querySelectorAll(`[data-live^="${key.replace(/["\\]/g, "\\$&")}/"]`)];
}
