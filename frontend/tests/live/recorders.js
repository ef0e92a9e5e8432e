/** A page that only remembers what was asked of it. */
export class PageRecorder {
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
  isIncomplete = false;
  /** @type {(string | number | boolean | null)[]} */
  asked = [];
  async refresh(isForAnotherReader = false) {
    if (this.failures-- > 0) throw new Error("503");
    this.refreshed += 1;
    this.isIncomplete = false;
    if (isForAnotherReader) this.asked.push("for another reader");
    return "e-50";
  }
  async catchUp(/** @type {number | null} */ missed) {
    this.asked.push(missed);
    return await this.refresh();
  }
  async load() {
    this.asked.push("load");
  }
  async jump() {
    this.asked.push("jump");
  }
}

/** A status line that only remembers what it was told. */
export class StatusRecorder {
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
