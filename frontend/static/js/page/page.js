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
 * The page, and the four changes of it: an item is inserted into a list, replaced, or removed from a
 * list, or the whole page is made like a fresh one.
 */
export class Page {
  #anchor;
  #get;
  #onChange;
  #mayLackItems = false; // an object that is not shown changed a count

  /**
   * @param {Anchor} anchor
   * @param {(url: string | URL) => Promise<Response>} get fetches from this site; fails where the server cannot answer now
   * @param {() => void} onChange called after each change
   */
  constructor(anchor, get, onChange) {
    this.#anchor = anchor;
    this.#get = get;
    this.#onChange = onChange;
  }

  /** Returns all topics that elements of the page name. */
  topics() {
    const named = [...document.querySelectorAll("[data-live-topics]")];
    return new Set(named.flatMap((element) => (element.getAttribute("data-live-topics") ?? "").split(/\s+/).filter(Boolean)));
  }

  /** @param {Change[]} events oldest first */
  apply(events) {
    this.#anchor.keep(() => {
      for (const event of events) this.#apply(event);
    });
    this.#onChange();
  }

  /**
   * Fetches the page again and makes this one like it, without a reload.
   *
   * @param {boolean} [isForAnotherReader] whether what depends on the reader is renewed, too
   * @returns {Promise<string>} the fresh page's position
   */
  async refresh(isForAnotherReader = false) {
    const fresh = await this.#fetch(location.href);
    this.#makeLike(fresh, isForAnotherReader, () => this.#gap?.close());
    return fresh.position;
  }

  /**
   * Catches up with events that the server cannot send any more. A reader at the top of a list gets a fresh
   * page. A reader further down, or in a pause, keeps the place: the list is renewed from its first item on,
   * and the gap above it is left open.
   *
   * @param {number | null} missed at least as many events; null: not known
   * @param {boolean} isHeld whether the reader pauses
   * @returns {Promise<string>} the position of the page that is shown
   */
  async catchUp(missed, isHeld) {
    const gap = this.#gap;
    const list = gap?.list;
    const stays = list?.firstPlace && (gap?.isOpen || (!list.hasNewer && (isHeld || this.#anchor.isHeld)));
    const [newest, here] = await Promise.all([this.#fetch(location.href), stays ? this.#fetch(list.sameUrl()) : undefined]);
    const opens = here?.isThere && newest.isThere && list?.isBehind(newest.document);
    const shown = here && opens ? here : newest;
    this.#makeLike(shown, false, () => (opens ? gap?.open(missed) : gap?.say(missed)));
    return shown.position;
  }

  /** Loads the page of items before the list, which closes the gap or a part of it; the reading place stays. */
  async load() {
    const gap = this.#gap;
    const list = gap?.list;
    if (!gap || !list) return;
    const fresh = await this.#fetch(list.newerUrl());
    const last = this.#anchor.keep(() => {
      const last = list.prepend(fresh.document);
      if (list.hasNewer) gap.open(null);
      else gap.close();
      return last;
    });
    if (!gap.isOpen) headline(last)?.focus({ preventScroll: true });
  }

  /** Refreshes the page and shows its list from the beginning; returns the position. */
  async jump() {
    const { list } = this.#gap ?? {};
    const position = await this.refresh();
    list?.element.scrollIntoView({ behavior: "instant", block: "start" });
    headline(list?.element)?.focus({ preventScroll: true });
    return position;
  }

  /** Whether a fresh page would show items or counts that this one cannot know of. */
  get isIncomplete() {
    return !this.#gap?.isOpen && (this.#mayLackItems || List.all(document).some((list) => list.isShort));
  }

  /**
   * @param {FetchedPage} fresh
   * @param {boolean} isForAnotherReader
   * @param {() => void} alongside a change of the gap, made with it
   */
  #makeLike({ document: fresh, isThere }, isForAnotherReader, alongside) {
    this.#anchor.keep(() => {
      if (isForAnotherReader) renewReader(document, fresh);
      const mayExchange = announceRefresh(isThere);
      if (isThere) renew(document, fresh);
      else if (mayExchange) exchange(document, fresh);
      alongside();
    });
    this.#mayLackItems = false;
    this.#onChange();
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
    // fragments that this event does not carry are unchanged by it, and take its version
    for (const element of fragmentsOf(document, key)) raise(element, versionOf(fragment));
  }

  /**
   * Inserts the object into the list, removes it, or moves it to its new place.
   *
   * @param {List} list
   * @param {string} key
   * @param {string[]} left
   * @param {Map<string, Element>} fragments
   */
  #settle(list, key, left, fragments) {
    const item = list.item(key);
    const fragment = fragments.get(list.fragment);
    const belongs = !left.includes(list.topic) && (!fragment || list.accepts(fragment));
    if (item && !belongs) this.#remove(list, item);
    else if (item && fragment) list.reposition(item);
    else if (!item && belongs && fragment) this.#mayLackItems = !list.insert(copy(fragment)) || this.#mayLackItems;
    else if (!item && left.includes(list.topic) && list.isPart) this.#mayLackItems = true;
  }

  /**
   * @param {List} list
   * @param {Element} item
   */
  #remove(list, item) {
    const hadFocus = item.contains(document.activeElement);
    list.remove(item);
    // the keyboard goes on from the content, not from the top of the page
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

/** @param {Element} fragment to be copied, since several places may show it */
function copy(fragment) {
  return document.importNode(fragment, true);
}

/**
 * Raises the version of an element, if it has one.
 *
 * @param {Element} element
 * @param {number} to
 */
function raise(element, to) {
  if (element.hasAttribute("data-live-version") && versionOf(element) < to) {
    element.setAttribute("data-live-version", String(to));
  }
}

/** @param {Element | undefined} element whose first title is returned, for the keyboard to go on from */
function headline(element) {
  return /** @type {HTMLElement | null | undefined} */ (element?.querySelector("h3 a"));
}
