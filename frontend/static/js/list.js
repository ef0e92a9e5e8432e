import { all } from "./fragment.js";

/**
 * A list that lives: which topic it follows, which fragment its items are, in which order.
 *
 * Items stand by `data-live-sort`. A list may be the middle of a longer one: `data-live-newer` and
 * `data-live-more` say that something stands before its first or after its last item; what would
 * stand there is not this page's to show. Some lists take one group only (`data-live-group`).
 */
export class List {
  /** @param {Element} element */
  constructor(element) {
    this.element = element;
    this.topic = element.getAttribute("data-live-list") ?? "";
    this.fragment = element.getAttribute("data-live-fragment") ?? "";
  }

  /**
   * @param {ParentNode} root
   * @param {Iterable<string>} topics
   */
  static of(root, topics) {
    return [...topics].flatMap((topic) => all(root, "data-live-list", topic)).map((element) => new List(element));
  }

  /** @param {string} key */
  item(key) {
    const shown = `${key}/${this.fragment}`;
    return [...this.element.children].find((child) => child.getAttribute("data-live") === shown);
  }

  /** @param {Element} item */
  takes(item) {
    const group = this.element.getAttribute("data-live-group");
    return group === null || group === item.getAttribute("data-live-group");
  }

  /**
   * Puts an item where it belongs; false when that is on another page.
   *
   * @param {Element} item
   */
  insert(item) {
    const next = this.#next(item);
    const first = this.element.firstElementChild;
    if (next === null && first && this.#says("more")) return false;
    if (next !== null && next === first && this.#says("newer")) return false;
    this.element.insertBefore(item, next);
    this.#count(+1);
    this.#trim();
    this.#linkOlder();
    return true;
  }

  /** @param {Element} item of this list */
  remove(item) {
    item.remove();
    this.#count(-1);
    this.#linkOlder();
  }

  /**
   * Moves an item whose place in the order changed.
   *
   * @param {Element} item of this list
   */
  place(item) {
    const [above, below] = [item.previousElementSibling, item.nextElementSibling];
    if ((!above || this.#inOrder(above, item)) && (!below || this.#inOrder(item, below))) return;
    this.element.insertBefore(item, this.#next(item));
    this.#linkOlder();
  }

  /** @param {Element} item */
  #next(item) {
    const others = [...this.element.children].filter((child) => child !== item);
    // among equals the new one stands where new ones come: first when newest is first, else last
    return others.find((child) => (this.#ascends ? !this.#inOrder(child, item) : this.#inOrder(item, child))) ?? null;
  }

  get #ascends() {
    return this.element.getAttribute("data-live-order") === "asc";
  }

  /**
   * @param {Element} above
   * @param {Element} below
   */
  #inOrder(above, below) {
    return this.#ascends ? sortOf(above) <= sortOf(below) : sortOf(above) >= sortOf(below);
  }

  /** Lets the last items go when there are too many, but never one that is being read. */
  #trim() {
    const limit = Number(this.element.getAttribute("data-live-limit") ?? Infinity);
    while (this.element.children.length > limit) {
      const last = /** @type {Element} */ (this.element.lastElementChild);
      if (isInView(last) || last.contains(document.activeElement)) return;
      last.remove();
      this.element.setAttribute("data-live-more", "true");
    }
  }

  /** The link to what is older begins after the last item. */
  #linkOlder() {
    const place = this.element.lastElementChild?.getAttribute("data-live-place");
    if (!place || !this.#says("more")) return;
    for (const link of all(document, "data-live-older", this.topic)) {
      const url = new URL(link.getAttribute("href") ?? "", location.href);
      url.searchParams.delete("newer");
      url.searchParams.set("older", place);
      link.setAttribute("href", url.pathname + url.search);
      link.removeAttribute("hidden");
    }
  }

  /** @param {number} change */
  #count(change) {
    for (const element of all(document, "data-live-count", this.topic)) {
      const fragment = element.getAttribute("data-live-fragment");
      if (fragment === null || fragment === this.fragment) {
        element.textContent = String(Number(element.textContent) + change);
      }
    }
  }

  /** @param {string} what */
  #says(what) {
    return this.element.getAttribute(`data-live-${what}`) === "true";
  }
}

/** @param {Element} item */
function sortOf(item) {
  return item.getAttribute("data-live-sort") ?? "";
}

/** @param {Element} element */
function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}
