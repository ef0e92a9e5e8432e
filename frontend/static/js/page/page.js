import { REFRESH } from "./document-events.js";
import { fetchPage } from "./fetch-page.js";
import { byAttribute, fragmentsOf, parseFragment, versionOf } from "./fragment.js";
import { List } from "./list.js";
import { exchange, morph, renew, renewReader } from "./morphing.js";

/** @import { Anchor } from "./anchor.js" */
/** @import { FetchedPage } from "./fetch-page.js" */
/** @import { PressGap } from "./press-gap.js" */

/**
 * @typedef {object} Change of one object
 * @property {string} key
 * @property {string[]} topics that the object is on
 * @property {string[]} left topics that it left
 * @property {Record<string, string>} html fragments by name
 */

/**
 * The page, and the four things that can happen to it: something is inserted into a list,
 * replaced, removed from a list, or the whole is reset to a fresh one.
 */
export class Page {
  #anchor;
  #get;
  #patched;
  #isInDoubt = false; // something changed a count, and is not shown

  /**
   * @param {Anchor} anchor
   * @param {(url: string | URL) => Promise<Response>} get fetches from this site; fails where the server cannot answer now
   * @param {() => void} patched called after each change, for what follows the page (its title)
   */
  constructor(anchor, get, patched) {
    this.#anchor = anchor;
    this.#get = get;
    this.#patched = patched;
  }

  /** All topics that elements of the page name. */
  topics() {
    const named = [...document.querySelectorAll("[data-live-topics]")];
    return new Set(named.flatMap((element) => (element.getAttribute("data-live-topics") ?? "").split(/\s+/).filter(Boolean)));
  }

  /** @param {Change[]} events oldest first */
  apply(events) {
    this.#anchor.keep(() => {
      for (const event of events) this.#apply(event);
    });
    this.#patched();
  }

  /**
   * Fetches the page again and makes this one like it. It is not reloaded.
   *
   * @param {boolean} [forWhoReads] that is somebody else now: what the page says of its reader changes too
   * @returns {Promise<string>} the fresh page's position
   */
  async refresh(forWhoReads = false) {
    const fresh = await this.#fetch(location.href);
    this.#show(fresh, forWhoReads, () => this.#gap?.close());
    return fresh.position;
  }

  /**
   * The server cannot tell what was missed. Who reads at the top of a list gets a fresh page. To who
   * reads further down, or looks at an earlier moment, the page is made true where it stands, and
   * the gap above is theirs to close.
   *
   * @param {number | null} missed
   * @param {boolean} isHeld by the reader, who pauses
   * @returns {Promise<string>} the position of what is shown
   */
  async catchUp(missed, isHeld) {
    const gap = this.#gap;
    const list = gap?.list;
    const stays = list?.beginsAt && (gap?.isOpen || (!list.hasNewer && (isHeld || this.#anchor.isHeld)));
    const [newest, here] = await Promise.all([this.#fetch(location.href), stays ? this.#fetch(list.from()) : undefined]);
    const opens = here?.isThere && newest.isThere && list?.isBehind(newest.document);
    const shown = here && opens ? here : newest;
    this.#show(shown, false, () => (opens ? gap?.open(missed) : gap?.say(missed)));
    return shown.position;
  }

  /** Closes the gap above the list, or a part of it; what is being read stays where it is. */
  async load() {
    const gap = this.#gap;
    const list = gap?.list;
    if (!gap || !list) return;
    const fresh = await this.#fetch(list.newer());
    const last = this.#anchor.keep(() => {
      const last = list.prepend(fresh.document);
      if (list.hasNewer) gap.open(null);
      else gap.close();
      return last;
    });
    if (!gap.isOpen) headline(last)?.focus({ preventScroll: true });
  }

  /** Shows the newest, from its beginning. */
  async jump() {
    const { list } = this.#gap ?? {};
    const position = await this.refresh();
    list?.element.scrollIntoView({ behavior: "instant", block: "start" });
    headline(list?.element)?.focus({ preventScroll: true });
    return position;
  }

  /** Whether a fresh page would show more than this one can know of. */
  get isIncomplete() {
    return !this.#gap?.isOpen && (this.#isInDoubt || List.all(document).some((list) => list.isShort));
  }

  /**
   * @param {FetchedPage} fresh
   * @param {boolean} forWhoReads
   * @param {() => void} also what changes with it
   */
  #show({ document: fresh, isThere }, forWhoReads, also) {
    this.#anchor.keep(() => {
      if (forWhoReads) renewReader(document, fresh);
      const mayExchange = announceRefresh(isThere);
      if (isThere) renew(document, fresh);
      else if (mayExchange) exchange(document, fresh);
      also();
    });
    this.#isInDoubt = false;
    this.#patched();
  }

  get #gap() {
    return /** @type {PressGap | null} */ (document.querySelector("press-gap"));
  }

  /** @param {string | URL} url */
  #fetch(url) {
    return fetchPage(url, this.#get);
  }

  /** @param {Change} event */
  #apply({ key, topics, left, html }) {
    const fragments = new Map(Object.entries(html ?? {}).map(([name, text]) => [name, parseFragment(text)]));
    for (const [name, fragment] of fragments) this.#replace(key, name, fragment);
    for (const list of List.of(document, topics)) this.#settle(list, key, left, fragments);
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {Element} fragment
   */
  #replace(key, name, fragment) {
    for (const element of byAttribute(document, "data-live", `${key}/${name}`)) {
      if (versionOf(fragment) >= versionOf(element)) morph(element, copy(fragment));
    }
    // the parts that this event does not carry are as they were, and now as new as it
    for (const element of fragmentsOf(document, key)) raise(element, versionOf(fragment));
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
    else if (!item && belongs && fragment) this.#isInDoubt = !list.insert(copy(fragment)) || this.#isInDoubt;
    else if (!item && left.includes(list.topic) && list.isPart) this.#isInDoubt = true;
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

/**
 * Tells the elements of the page that it is about to be made like a fresh one.
 *
 * @param {boolean} isThere
 * @returns {boolean} whether the content may be exchanged: nothing written would be lost by it
 */
function announceRefresh(isThere) {
  const event = new CustomEvent(REFRESH, { detail: { isThere }, cancelable: true });
  const isAllowed = document.dispatchEvent(event);
  // an element whose script has not come may hold a text, and could not object
  return isAllowed && !document.querySelector("main :not(:defined)");
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
  if (element.hasAttribute("data-live-version") && versionOf(element) < to) {
    element.setAttribute("data-live-version", String(to));
  }
}

/** @param {Element | undefined} element where the keyboard goes on: its first title */
function headline(element) {
  return /** @type {HTMLElement | null | undefined} */ (element?.querySelector("h3 a"));
}
