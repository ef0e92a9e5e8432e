/**
 * Whether the other end is still there. A connection may look open long after its network is gone:
 * silence longer than the server's heartbeat is asked about, and no answer means it is gone.
 */
export class Pulse {
  static ANSWER = 3_000; // ms for an answer; a radio that wakes up needs one or two
  static PATIENCE = 1.4; // times the heartbeat that may pass in silence

  heartbeat = 25_000; // ms, until the server says otherwise
  #ping;
  #gone;
  #silence = 0;
  #answer = 0;

  /**
   * @param {() => void} ping
   * @param {() => void} gone
   */
  constructor(ping, gone) {
    this.#ping = ping;
    this.#gone = gone;
  }

  /** Something came: all is well. */
  heard() {
    this.stop();
    this.#silence = setTimeout(() => this.ask(), this.heartbeat * Pulse.PATIENCE);
  }

  ask() {
    if (this.#answer) return;
    this.#answer = setTimeout(this.#gone, Pulse.ANSWER);
    this.#ping();
  }

  stop() {
    clearTimeout(this.#silence);
    clearTimeout(this.#answer);
    this.#silence = this.#answer = 0;
  }
}
