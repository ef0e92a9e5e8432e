/** A page that only remembers what was asked of it. */
export class Recorder {
  /** @type {string[]} */
  keys = [];
  named = new Set(["site", "front"]);
  refreshed = 0;
  failures = 0; // of the next times it is read anew
  topics() {
    return new Set(this.named);
  }
  apply(/** @type {any[]} */ events) {
    if (events.some(({ key }) => key === "broken")) throw new Error("not a fragment");
    this.keys.push(...events.map(({ key }) => key));
  }
  async refresh() {
    if (this.failures-- > 0) throw new Error("503");
    this.refreshed += 1;
    return "e-50";
  }
}

/** A status line that only remembers what it was told. */
export class Told {
  /** @type {string[]} */
  states = [];
  /** @type {number[]} */
  waits = [];
  /** @type {(number | undefined)[]} */
  counts = [];
  isPaused = false;
  show(/** @type {string} */ state) {
    this.states.push(state);
  }
  paused(/** @type {boolean} */ isPaused) {
    this.isPaused = isPaused;
  }
  waiting(/** @type {number} */ count) {
    this.waits.push(count);
  }
  readers(/** @type {number | undefined} */ count) {
    this.counts.push(count);
  }
  updated() {}
}
