/**
 * Detects that this page may have slept, or that its network may have changed: the page becomes visible,
 * the browser goes online or offline, or the clock jumps.
 */
export class WakeDetector {
  static CHECK_INTERVAL_MS = 2_000;
  static MIN_SLEEP_MS = 10_000; // no timer of an awake page is later than this

  #onWake;
  #onOffline;
  #timer = 0;
  #last = 0;

  /**
   * @param {(slept: number) => void} onWake gets the ms that the clock jumped by; 0: no jump
   * @param {() => void} onOffline
   */
  constructor(onWake, onOffline) {
    this.#onWake = onWake;
    this.#onOffline = onOffline;
  }

  start() {
    document.addEventListener("visibilitychange", this.#mayHaveChanged);
    addEventListener("online", this.#mayHaveChanged);
    addEventListener("offline", this.#onOffline);
    this.#last = Date.now();
    this.#timer = setInterval(() => this.#check(), WakeDetector.CHECK_INTERVAL_MS);
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#mayHaveChanged);
    removeEventListener("online", this.#mayHaveChanged);
    removeEventListener("offline", this.#onOffline);
    clearInterval(this.#timer);
  }

  #mayHaveChanged = () => {
    if (document.visibilityState !== "hidden") this.#onWake(this.#takeJump());
  };

  #check() {
    const slept = this.#takeJump();
    // the timers of a hidden page are slowed down to one a minute, which is no sleep
    if (slept && document.visibilityState !== "hidden") this.#onWake(slept);
  }

  #takeJump() {
    const late = Date.now() - this.#last - WakeDetector.CHECK_INTERVAL_MS;
    this.#last = Date.now();
    return late > WakeDetector.MIN_SLEEP_MS ? late : 0;
  }
}
