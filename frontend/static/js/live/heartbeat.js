/**
 * Whether the other end is still there. A connection may look open long after its network is gone:
 * silence longer than the server's heartbeat is asked about, and no answer means it is gone.
 */
export class Heartbeat {
  static PONG_TIMEOUT_MS = 3_000; // ms for an answer; a radio that wakes up needs one or two
  static ALLOWED_SILENCE = 1.4; // times the heartbeat that may pass in silence

  interval = 25_000; // ms, until the server says otherwise
  #sendPing;
  #onDead;
  #silence = 0;
  #answer = 0;

  /**
   * @param {() => void} sendPing
   * @param {() => void} onDead
   */
  constructor(sendPing, onDead) {
    this.#sendPing = sendPing;
    this.#onDead = onDead;
  }

  /** Something came: all is well. */
  reset() {
    this.stop();
    this.#silence = setTimeout(() => this.ping(), this.interval * Heartbeat.ALLOWED_SILENCE);
  }

  ping() {
    if (this.#answer) return;
    this.#answer = setTimeout(this.#onDead, Heartbeat.PONG_TIMEOUT_MS);
    this.#sendPing();
  }

  stop() {
    clearTimeout(this.#silence);
    clearTimeout(this.#answer);
    this.#silence = this.#answer = 0;
  }
}
