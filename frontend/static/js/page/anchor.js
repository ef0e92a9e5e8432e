/**
 * Keeps the line under the reader's eye where it is while the page changes around it.
 *
 * The anchor is what has the focus, else what holds the selection, else the innermost element
 * that crosses the top third of the window. A reader at the top of a list has none: there, what
 * is new may push down what is old.
 */
export class Anchor {
  static READING_LINE = 0.3; // of the window's height

  // px; browsers scroll by whole device pixels, and what five posts in a row leave over adds up
  #owed = 0;

  /** Somebody reads at a place that what is new above it would push away. */
  get isHeld() {
    return this.#path().length > 0;
  }

  /**
   * @template Result
   * @param {() => Result} change
   */
  keep(change) {
    const before = this.#path().map((element) => ({ element, top: top(element) - this.#owed }));
    const result = change();
    // the change may have taken the innermost away; what was around it is still a good measure
    const anchor = before.find(({ element }) => element.isConnected);
    const moved = anchor ? top(anchor.element) - anchor.top : 0;
    if (moved !== 0) scrollBy({ top: moved, behavior: "instant" });
    const left = anchor ? top(anchor.element) - anchor.top : 0;
    this.#owed = Math.abs(left) < 1 ? left : 0;
    return result;
  }

  /** @returns {Element[]} the anchor, then what is around it */
  #path() {
    if (scrollY === 0) return [];
    const chosen = [focused(), selected()].find((element) => element && isInView(element));
    const innermost = chosen ?? this.#underTheEye();
    return innermost ? withParents(innermost) : [];
  }

  #underTheEye() {
    const first = [...document.querySelectorAll("[data-live-list] > :first-child")];
    if (first.some((item) => crosses(item) && top(item) >= 0)) return undefined;
    /** @type {Element | undefined} */
    let innermost = document.querySelector("main") ?? undefined;
    for (let next = innermost; next; next = [...next.children].find(moves)) innermost = next;
    return innermost;
  }
}

/** @param {Element} element */
function top(element) {
  return element.getBoundingClientRect().top;
}

function focused() {
  const element = document.activeElement;
  // the row above a gap stays at the window's edge whatever moves
  return element && !element.matches("body, main, press-gap *") ? element : undefined;
}

function selected() {
  const selection = getSelection();
  return selection && !selection.isCollapsed ? (selection.anchorNode?.parentElement ?? undefined) : undefined;
}

/** @param {Element} element */
function withParents(element) {
  const path = [element];
  for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) path.push(up);
  return path;
}

/** @param {Element} element that goes with the text; the row of a gap sticks to the window */
function moves(element) {
  return crosses(element) && !element.matches("press-gap");
}

/** @param {Element} element */
function crosses(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight * Anchor.READING_LINE;
}

/** @param {Element} element */
function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}
