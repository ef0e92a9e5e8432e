import { byAttribute } from "./fragment.js";

/**
 * A list of the page: its topic, the fragment that its items are, and their order.
 *
 * Items are ordered by `data-live-sort`. A list may be a section of a longer one: `data-live-newer` and
 * `data-live-more` say that items stand before its first or after its last one, on other pages. Some
 * lists accept one group only (`data-live-group`).
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
    return [...topics].flatMap((topic) => byAttribute(root, "data-live-list", topic)).map((element) => new List(element));
  }

  /** @param {ParentNode} root */
  static all(root) {
    return [...root.querySelectorAll("[data-live-list]")].map((element) => new List(element));
  }

  /** The place of its first item in the whole list; empty without one. */
  get firstPlace() {
    return this.element.firstElementChild?.getAttribute("data-live-place") ?? "";
  }

  get hasNewer() {
    return this.#isMarked("newer");
  }

  /** Whether items stand before or after it, on other pages. */
  get isPart() {
    return this.#isMarked("newer") || this.#isMarked("more");
  }

  /** Whether it has fewer items than it may, though others follow. */
  get isShort() {
    const limit = Number(this.element.getAttribute("data-live-limit") ?? 0);
    return this.#isMarked("more") && this.element.childElementCount < limit;
  }

  /** Returns the address of the page that begins with its first item. */
  sameUrl() {
    // of posts of one moment the one with the highest number stands first
    return this.#urlWith("older", this.firstPlace.replace(/\d+$/, (number) => String(Number(number) + 1)));
  }

  /** Returns the address of the page before it. */
  newerUrl() {
    return this.#urlWith("newer", this.firstPlace);
  }

  /** @param {Document} fresh a page; whether the same list begins there with another item */
  isBehind(fresh) {
    const [first] = this.#in(fresh)?.element.children ?? [];
    return first !== undefined && first.id !== this.element.firstElementChild?.id;
  }

  /**
   * Takes over the items before its first one.
   *
   * @param {Document} fresh the page before
   * @returns {Element | undefined} the last of the new items
   */
  prepend(fresh) {
    const other = this.#in(fresh);
    const first = this.element.firstElementChild;
    if (!other || !first) return undefined;
    const items = [...other.element.children].filter((item) => sortOf(item) !== sortOf(first) && this.#inOrder(item, first));
    first.before(...items.map((item) => document.importNode(item, true)));
    this.element.setAttribute("data-live-newer", String(other.hasNewer));
    return first.previousElementSibling ?? undefined;
  }

  /** @param {string} key */
  item(key) {
    const shown = `${key}/${this.fragment}`;
    return [...this.element.children].find((child) => child.getAttribute("data-live") === shown);
  }

  /** @param {Element} item whether it is of the group that this list shows */
  accepts(item) {
    const group = this.element.getAttribute("data-live-group");
    return group === null || group === item.getAttribute("data-live-group");
  }

  /**
   * Inserts an item at its place in the order.
   *
   * @param {Element} item
   * @returns {boolean} false, with nothing done, if its place is on another page; a count may still depend on it
   */
  insert(item) {
    const next = this.#next(item);
    const first = this.element.firstElementChild;
    if (next === null && first && this.#isMarked("more")) return false;
    if (next !== null && next === first && this.#isMarked("newer")) return false;
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
   * Moves an item to its place in the order, if that has changed.
   *
   * @param {Element} item of this list
   */
  reposition(item) {
    const [above, below] = [item.previousElementSibling, item.nextElementSibling];
    if ((!above || this.#inOrder(above, item)) && (!below || this.#inOrder(item, below))) return;
    this.element.insertBefore(item, this.#next(item));
    this.#linkOlder();
  }

  /** @param {Element} item */
  #next(item) {
    const others = [...this.element.children].filter((child) => child !== item);
    // among equals a new item stands where new ones appear: first in a list of newest first, else last
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

  /** Removes the last items beyond the limit, but none that is being read. */
  #trim() {
    const limit = Number(this.element.getAttribute("data-live-limit") ?? Infinity);
    while (this.element.children.length > limit) {
      const last = /** @type {Element} */ (this.element.lastElementChild);
      if (isInView(last) || last.contains(document.activeElement)) return;
      last.remove();
      this.element.setAttribute("data-live-more", "true");
    }
  }

  /** Lets the link to the older page begin after the last item. */
  #linkOlder() {
    const place = this.element.lastElementChild?.getAttribute("data-live-place");
    if (!place || !this.#isMarked("more")) return;
    for (const link of byAttribute(document, "data-live-older", this.topic)) {
      const url = new URL(link.getAttribute("href") ?? "", location.href);
      url.searchParams.delete("newer");
      url.searchParams.set("older", place);
      link.setAttribute("href", url.pathname + url.search);
      link.removeAttribute("hidden");
    }
  }

  /** @param {ParentNode} root where to find the same list */
  #in(root) {
    return List.all(root).find(({ topic, fragment }) => topic === this.topic && fragment === this.fragment);
  }

  /**
   * @param {string} name
   * @param {string} place
   */
  #urlWith(name, place) {
    const url = new URL(location.href);
    url.searchParams.delete("newer");
    url.searchParams.delete("older");
    url.searchParams.set(name, place);
    return url;
  }

  /** @param {number} change */
  #count(change) {
    for (const element of byAttribute(document, "data-live-count", this.topic)) {
      const fragment = element.getAttribute("data-live-fragment");
      if (fragment === null || fragment === this.fragment) {
        element.textContent = String(Number(element.textContent) + change);
      }
    }
  }

  /** @param {string} what */
  #isMarked(what) {
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
