/** Samples of what pages and events look like: enough of the templates for the verbs to work on. */

/** @param {{id: number, version?: number, sort?: string, text?: string, likes?: number, group?: string}} post */
export function entry({ id, version = 1, sort = String(id).padStart(3, "0"), text = `post ${id}`, likes = 0 }) {
  return `<article id="post-${id}" data-live="post.${id}/entry" data-live-version="${version}" data-live-sort="${sort}"
    data-live-place="${sort}-${id}"><h3><a href="/post/${id}/">${text}</a></h3>
    <p>by <a data-live="author.3/name" href="/author/3/">Ada</a></p>${likesOf({ id, version, likes })}</article>`;
}

/** @param {{id: number, version?: number, likes?: number}} post */
export function likesOf({ id, version = 1, likes = 0 }) {
  return `<span data-live="post.${id}/likes" data-live-version="${version}">${likes || ""}</span>`;
}

/**
 * @param {object[]} posts
 * @param {string} [attributes]
 */
export function feed(posts, attributes = "") {
  const items = posts.map((post) => entry(/** @type {any} */ (post))).join("");
  return `<section data-live-list="front" data-live-fragment="entry" data-live-order="desc" ${attributes}>${items}</section>`;
}

/**
 * @param {string} key
 * @param {Record<string, string>} html
 * @param {object} [rest]
 */
export function event(key, html, rest = {}) {
  return {
    type: "event", position: "e-1", topics: ["front", key], left: [], kind: "post.updated", key,
    time: "2026-11-20T09:00:00Z", data: {}, html, ...rest,
  }; // prettier-ignore
}

export function ids() {
  return [...document.querySelectorAll("[data-live-list] > *")].map((item) => item.id || item.textContent);
}
