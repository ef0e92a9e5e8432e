import { all, parse, showing, version } from "./fragment.js";
import { List } from "./list.js";
import { Refusal, soon } from "./refusal.js";
import { exchange, morph, renew } from "./regions.js";

/** @import { LiveEvent } from "./frames.js" */
/** @import { Anchor } from "./anchor.js" */

/**
 * The page, and the four things that can happen to it: something is inserted into a list,
 * replaced, removed from a list, or the whole is reset to a fresh one.
 */
export class Page {
  #anchor;
  #patched;

  /**
   * @param {Anchor} anchor
   * @param {() => void} patched called after each change, for what follows the page (its title)
   */
  constructor(anchor, patched) {
    this.#anchor = anchor;
    this.#patched = patched;
  }

  /** All topics that elements of the page name. */
  topics() {
    const named = [...document.querySelectorAll("[data-live-topics]")];
    return new Set(named.flatMap((element) => (element.getAttribute("data-live-topics") ?? "").split(/\s+/).filter(Boolean)));
  }

  /** @param {LiveEvent[]} events oldest first */
  apply(events) {
    this.#anchor.keep(() => {
      for (const event of events) this.#apply(event);
    });
    this.#patched();
  }

  /**
   * Fetches the page again and makes this one like it. It is not reloaded.
   *
   * @returns {Promise<string>} the fresh page's position
   */
  async refresh() {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin", signal: soon() });
    if (answer.status >= 500 || answer.status === 429) throw new Refusal(answer);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const moved = answer.redirected && new URL(answer.url).pathname !== location.pathname;
    this.#anchor.keep(() => (answer.ok && !moved ? renew(document, fresh) : exchange(document, fresh)));
    this.#patched();
    return fresh.querySelector('meta[name="live-position"]')?.getAttribute("content") ?? "";
  }

  /** @param {LiveEvent} event */
  #apply({ key, topics, left, html }) {
    const fragments = new Map(Object.entries(html ?? {}).map(([name, text]) => [name, parse(text)]));
    for (const [name, fragment] of fragments) this.#replace(key, name, fragment);
    for (const list of List.of(document, topics)) this.#settle(list, key, left, fragments);
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {Element} fragment
   */
  #replace(key, name, fragment) {
    for (const element of all(document, "data-live", `${key}/${name}`)) {
      if (version(fragment) >= version(element)) morph(element, copy(fragment));
    }
    // the parts that this event does not carry are as they were, and now as new as it
    for (const element of showing(document, key)) raise(element, version(fragment));
  }

  /**
   * Takes the object into the list, out of it, or to its new place in it.
   *
   * @param {List} list
   * @param {string} key
   * @param {string[]} left
   * @param {Map<string, Element>} fragments
   */
  #settle(list, key, left, fragments) {
    const item = list.item(key);
    const fragment = fragments.get(list.fragment);
    const belongs = !left.includes(list.topic) && (!fragment || list.takes(fragment));
    if (item && !belongs) this.#remove(list, item);
    else if (item && fragment) list.place(item);
    else if (!item && belongs && fragment) list.insert(copy(fragment));
  }

  /**
   * @param {List} list
   * @param {Element} item
   */
  #remove(list, item) {
    const hadFocus = item.contains(document.activeElement);
    list.remove(item);
    // where the keyboard was is gone: go on from the content, not from the top of the page
    if (hadFocus) document.querySelector("main")?.focus({ preventScroll: true });
  }
}

/** @param {Element} fragment one event may show it in several places */
function copy(fragment) {
  return document.importNode(fragment, true);
}

/**
 * @param {Element} element
 * @param {number} to
 */
function raise(element, to) {
  if (element.hasAttribute("data-live-version") && version(element) < to) {
    element.setAttribute("data-live-version", String(to));
  }
}
