/**
 * Where this page stands in the log: the position of the last frame it has processed.
 *
 * Positions look like `k3f9ab-1042`. Resuming from the cursor loses nothing, with one exception:
 * topics that were asked for from an earlier position, and whose answer was never processed,
 * must be asked for from there again. `resume()` knows both.
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
   * Whether a frame can come next on one connection: same log, and no way back in it. What cannot
   * is no frame to apply: the page is read anew.
   *
   * @param {string} position
   * @param {boolean} [further] an event stands after everything before it
   */
  leadsTo(position, further = false) {
    if (!this.#at) return true;
    const [at, next] = [parse(this.#at), parse(position)];
    return at.epoch === next.epoch && (further ? next.offset > at.offset : next.offset >= at.offset);
  }

  /** @param {string | undefined} position of a frame that has been processed; not all frames have one */
  moved(position) {
    if (position) this.#at = position;
  }

  /** @param {string} position of a page that was read anew: all that was asked for is in it */
  jumped(position) {
    this.#at = position;
    this.#asked = [];
  }

  /** @param {string} since what a subscribe was sent with */
  asked(since) {
    this.#asked.push(since);
  }

  /** The oldest unanswered subscribe was answered; answers come in the order of the questions. */
  answered() {
    this.#asked.shift();
  }

  /** Where a new connection goes on. What was unanswered on the old one is asked for with it. */
  resume() {
    const from = [this.#at, ...this.#asked].filter(Boolean).reduce(earlier, this.#at);
    this.#asked = [];
    return from;
  }
}

/**
 * The earlier of two positions of one epoch. Across epochs there is no order, and the server
 * answers an old epoch with a reset, so that one is what must be asked with.
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
