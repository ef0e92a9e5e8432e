/**
 * Detects a dead connection. It may look open long after its network is gone, so silence longer than
 * the server's heartbeat is answered by a ping, and a ping without an answer ends the connection.
 */
export class Heartbeat {
  static PONG_TIMEOUT_MS = 3_000; // a radio that wakes up needs one or two seconds
  static ALLOWED_SILENCE = 1.4; // heartbeat intervals

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

  /** Starts the wait anew, because a frame has arrived. */
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
