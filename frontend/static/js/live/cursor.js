/**
 * The position in the log of the last frame that this page has processed.
 *
 * A position is an epoch and an offset (`k3f9ab-1042`). Resuming from the cursor loses nothing, with one
 * exception: topics that were subscribed from an earlier position, without an answer so far, must be
 * subscribed from there again. `resume()` considers both.
 */
export class Cursor {
  #at;
  /** @type {string[]} */
  #asked = [];

  /** @param {string} position of the page; empty when it has none */
  constructor(position) {
    this.#at = position;
  }

  get at() {
    return this.#at;
  }

  /**
   * Returns whether a frame can come next on one connection: of the same epoch, and not before the last.
   * A frame that cannot is not applied; the page is fetched anew instead.
   *
   * @param {string} position
   * @param {boolean} [further] whether it must be after the last, as an event is
   */
  leadsTo(position, further = false) {
    if (!this.#at) return true;
    const [at, next] = [parse(this.#at), parse(position)];
    return at.epoch === next.epoch && (further ? next.offset > at.offset : next.offset >= at.offset);
  }

  /** @param {string | undefined} position of the frame that has been processed; not all frames have one */
  moved(position) {
    if (position) this.#at = position;
  }

  /** @param {string} position of a page that was fetched anew, which contains all that unanswered subscribes would bring */
  jumped(position) {
    this.#at = position;
    this.#asked = [];
  }

  /** @param {string} since the position that a subscribe was sent with */
  asked(since) {
    this.#asked.push(since);
  }

  /** Notes that the oldest open subscribe was answered: answers come in the order of the requests. */
  answered() {
    this.#asked.shift();
  }

  /** Returns where a new connection resumes; open subscribes of the old one are included and forgotten. */
  resume() {
    const from = [this.#at, ...this.#asked].filter(Boolean).reduce(earlier, this.#at);
    this.#asked = [];
    return from;
  }
}

/**
 * Returns the earlier of two positions of one epoch. Across epochs there is no order: `other` is returned,
 * because the server answers an old epoch with a reset.
 *
 * @param {string} one
 * @param {string} other
 */
export function earlier(one, other) {
  const [a, b] = [parse(one), parse(other)];
  if (a.epoch !== b.epoch) return other;
  return b.offset < a.offset ? other : one;
}

/** @param {string} position */
export function offset(position) {
  return parse(position).offset;
}

/** @param {string} position */
function parse(position) {
  const [epoch, offset] = position.split("-");
  return { epoch, offset: Number(offset) };
}
