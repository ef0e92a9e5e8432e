/**
 * Fragments: the pieces of HTML that events carry, and the elements of the page that show them. An
 * element names its object, fragment and version: `data-live="post.42/entry" data-live-version="5"`.
 */

/** @param {string} html of one element, which is returned */
export function parseFragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const element = template.content.firstElementChild;
  if (!element) throw new Error("a fragment without an element");
  return element;
}

/** @param {Element} element without a version: 0 */
export function versionOf(element) {
  return Number(element.getAttribute("data-live-version") ?? 0);
}

/**
 * Returns the elements whose attribute has this value.
 *
 * @param {ParentNode} root
 * @param {string} name
 * @param {string} value
 */
export function byAttribute(root, name, value) {
  return [...root.querySelectorAll(`[${name}="${value.replace(/["\\]/g, "\\$&")}"]`)];
}

/**
 * Returns all elements that show a fragment of one object.
 *
 * @param {ParentNode} root
 * @param {string} key
 */
export function fragmentsOf(root, key) {
  return [...root.querySelectorAll(`[data-live^="${key.replace(/["\\]/g, "\\$&")}/"]`)];
}
