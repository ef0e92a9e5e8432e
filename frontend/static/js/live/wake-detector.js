/**
 * Tells when this page may have slept, or its network may have changed: it is shown again, it is
 * online again, or its clock stood still.
 */
export class WakeDetector {
  static CHECK_INTERVAL_MS = 2_000; // ms between two looks at the clock
  static MIN_SLEEP_MS = 10_000; // ms beyond that: no timer is that late on a page that is awake

  #woke;
  #cut;
  #timer = 0;
  #last = 0;

  /**
   * @param {(slept: number) => void} woke after so many ms of a clock that stood still; 0 where nobody knows
   * @param {() => void} cut the network says that it is gone
   */
  constructor(woke, cut) {
    this.#woke = woke;
    this.#cut = cut;
  }

  start() {
    document.addEventListener("visibilitychange", this.#shown);
    addEventListener("online", this.#shown);
    addEventListener("offline", this.#cut);
    this.#last = Date.now();
    this.#timer = setInterval(() => this.#look(), WakeDetector.CHECK_INTERVAL_MS);
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#shown);
    removeEventListener("online", this.#shown);
    removeEventListener("offline", this.#cut);
    clearInterval(this.#timer);
  }

  #shown = () => {
    if (document.visibilityState !== "hidden") this.#woke(this.#slept());
  };

  #look() {
    const slept = this.#slept();
    // the timers of a hidden page are slowed down, to one in a minute: that is no sleep
    if (slept && document.visibilityState !== "hidden") this.#woke(slept);
  }

  #slept() {
    const late = Date.now() - this.#last - WakeDetector.CHECK_INTERVAL_MS;
    this.#last = Date.now();
    return late > WakeDetector.MIN_SLEEP_MS ? late : 0;
  }
}
