import { byAttribute } from "./fragment.js";

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
    return [...topics].flatMap((topic) => byAttribute(root, "data-live-list", topic)).map((element) => new List(element));
  }

  /** @param {ParentNode} root */
  static all(root) {
    return [...root.querySelectorAll("[data-live-list]")].map((element) => new List(element));
  }

  /** Where its first item stands. */
  get beginsAt() {
    return this.element.firstElementChild?.getAttribute("data-live-place") ?? "";
  }

  get hasNewer() {
    return this.#says("newer");
  }

  /** Something stands before or after it, on other pages. */
  get isPart() {
    return this.#says("newer") || this.#says("more");
  }

  /** It has fewer items than it takes, and others follow. */
  get isShort() {
    const limit = Number(this.element.getAttribute("data-live-limit") ?? 0);
    return this.#says("more") && this.element.childElementCount < limit;
  }

  /** The address of the page that begins with its first item. */
  from() {
    // of one moment's posts the one with the highest number stands first
    return this.#at("older", this.beginsAt.replace(/\d+$/, (number) => String(Number(number) + 1)));
  }

  /** The address of the page before it. */
  newer() {
    return this.#at("newer", this.beginsAt);
  }

  /** @param {Document} fresh whether that page begins before this list does */
  isBehind(fresh) {
    const [first] = this.#in(fresh)?.element.children ?? [];
    return first !== undefined && first.id !== this.element.firstElementChild?.id;
  }

  /**
   * Takes what stands before its first item.
   *
   * @param {Document} fresh the page before
   * @returns {Element | undefined} the last of what is new
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

  /** @param {Element} item */
  takes(item) {
    const group = this.element.getAttribute("data-live-group");
    return group === null || group === item.getAttribute("data-live-group");
  }

  /**
   * Puts an item where it belongs. False when that is on another page; a count may still be changed by it.
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
    for (const link of byAttribute(document, "data-live-older", this.topic)) {
      const url = new URL(link.getAttribute("href") ?? "", location.href);
      url.searchParams.delete("newer");
      url.searchParams.set("older", place);
      link.setAttribute("href", url.pathname + url.search);
      link.removeAttribute("hidden");
    }
  }

  /** @param {ParentNode} root the same list there */
  #in(root) {
    return List.all(root).find(({ topic, fragment }) => topic === this.topic && fragment === this.fragment);
  }

  /**
   * @param {string} name
   * @param {string} place
   */
  #at(name, place) {
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
