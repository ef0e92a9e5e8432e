/**
 * Keeps the line that is being read at its place in the window while the page changes around it.
 *
 * The anchor is the element with the focus, else the one with the selection, else the innermost element
 * that crosses the top third of the window. At the top of a list there is none: there new items may push
 * down the old ones.
 */
export class Anchor {
  static READING_LINE = 0.3; // of the window's height

  // px; browsers scroll by whole device pixels, and the remainders of several changes add up
  #remainder = 0;

  /** Whether there is a reading place, which new items above it would push away. */
  get isHeld() {
    return this.#path().length > 0;
  }

  /**
   * Runs the change, then scrolls by the distance that the anchor was moved by it.
   *
   * @template Result
   * @param {() => Result} change
   */
  keep(change) {
    const before = this.#path().map((element) => ({ element, top: top(element) - this.#remainder }));
    const result = change();
    // the change may have removed the innermost element; the one around it measures as well
    const anchor = before.find(({ element }) => element.isConnected);
    const moved = anchor ? top(anchor.element) - anchor.top : 0;
    if (moved !== 0) scrollBy({ top: moved, behavior: "instant" });
    const left = anchor ? top(anchor.element) - anchor.top : 0;
    this.#remainder = Math.abs(left) < 1 ? left : 0;
    return result;
  }

  /** @returns {Element[]} the anchor, then the elements around it, outwards */
  #path() {
    if (scrollY === 0) return [];
    const chosen = [focused(), selected()].find((element) => element && isInView(element));
    const innermost = chosen ?? this.#atReadingLine();
    return innermost ? withParents(innermost) : [];
  }

  #atReadingLine() {
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
  // the row of a gap stays at the window's edge whatever moves
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

/** @param {Element} element whether it scrolls with the text; the row of a gap sticks to the window */
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
