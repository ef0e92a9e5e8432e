import { isFinal, isFromServer, TRY_LATER } from "./close-codes.js";
import { Heartbeat } from "./heartbeat.js";
import { TransportUpgrade } from "./upgrade.js";
import { WakeDetector } from "./wake-detector.js";

/** @import { Backoff } from "./backoff.js" */
/** @import { TransportFallback } from "./fallback.js" */
/** @import { Frame } from "./frames.js" */
/** @import { Transport } from "./transport.js" */

/**
 * @typedef {object} Listener what a connection reports
 * @property {(frame: Frame) => void} onFrame
 * @property {(code: number) => void} onLost the connection ended by this close code (0: by the client); another try follows
 * @property {(code: number) => void} onRefused the server ended it by a final close code: no try follows
 */

/**
 * Keeps one transport open at a time: reconnects with backoff, detects a dead one, falls back to
 * another transport where this one is blocked, and upgrades to a better one when that works.
 */
export class Connection {
  static STABLE_AFTER_MS = 5_000; // a connection that ends sooner was no success, and the backoff goes on growing
  static ABANDONED_AFTER_MS = 40_000; // of sleep: the server has given up by then, and waiting for a pong would cost 3 s more

  #fallback;
  #backoff;
  #heartbeat = new Heartbeat(() => this.send({ type: "ping" }), () => this.restart());
  #wakeDetector = new WakeDetector((slept) => this.#wokeUp(slept), () => this.#wentOffline());
  #upgrade;
  /** @type {Listener | undefined} */
  #listener;
  /** @type {Transport | undefined} */
  #transport;
  #isProven = false; // a frame came from the server on this transport
  #openTimer = 0;
  #retryTimer = 0;
  #stableTimer = 0;
  /** @type {number | undefined} ms until the reconnect that a `leaving` frame asked for */
  #returnIn;
  #notBefore = 0; // epoch ms before which the server asked not to be connected to

  /**
   * @param {TransportFallback} fallback
   * @param {Backoff} backoff
   */
  constructor(fallback, backoff) {
    this.#fallback = fallback;
    this.#backoff = backoff;
    this.#upgrade = new TransportUpgrade(() => fallback.make(0), (transport, first) => this.#takeOver(transport, first));
  }

  /** Whether events come late, because they are polled for. */
  get isDelayed() {
    return this.#transport?.name === "poll";
  }

  /** @param {Listener} listener */
  start(listener) {
    this.#listener = listener;
    this.#wakeDetector.start();
    this.#connect();
  }

  stop() {
    this.#listener = undefined;
    this.#wakeDetector.stop();
    this.#upgrade.stop();
    this.#close();
  }

  /** @param {object} frame */
  send(frame) {
    this.#transport?.send(frame);
  }

  /** Resets the backoff once the connection, which serves this reader now, has lasted STABLE_AFTER_MS. */
  settled() {
    if (!this.#stableTimer) this.#stableTimer = setTimeout(() => this.#backoff.reset(), Connection.STABLE_AFTER_MS);
  }

  /**
   * Closes the transport and opens another one after a wait.
   *
   * @param {number} [wait] ms that the server asked for; without it, the backoff's
   */
  restart(wait) {
    this.#close();
    this.#lost(0, wait);
  }

  #connect() {
    this.#close();
    const transport = this.#fallback.make();
    this.#use(transport);
    this.#openTimer = setTimeout(() => this.#closed(0), transport.timeout);
    transport.open();
  }

  /** @param {Transport} transport */
  #use(transport) {
    this.#transport = transport;
    this.#isProven = false;
    transport.onFrame = (frame) => this.#receive(frame);
    transport.onClose = (code, wait) => this.#closed(code, wait);
  }

  /**
   * Takes over a better transport, which is open already.
   *
   * @param {Transport} transport
   * @param {Frame} first
   */
  #takeOver(transport, first) {
    this.#close();
    this.#listener?.onLost(0); // frames of the old transport that were not handled yet come again
    this.#fallback.reset();
    this.#use(transport);
    this.#receive(first);
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (!this.#isProven && frame.type === this.#transport?.proof) this.#confirm();
    if (this.#isProven) this.#heartbeat.reset();
    if (frame.type === "welcome") this.#heartbeat.interval = frame.heartbeat * 1_000;
    if (frame.type === "leaving") {
      const [from, to] = frame.reconnect_in;
      this.#returnIn = from + Math.random() * (to - from);
    }
    this.#listener?.onFrame(frame);
  }

  #confirm() {
    clearTimeout(this.#openTimer);
    this.#isProven = true;
    this.#fallback.worked();
    if (this.#fallback.isBest) this.#upgrade.stop();
    else this.#upgrade.start(this.#fallback.bestHasWorked);
  }

  /**
   * @param {number} code
   * @param {number} [wait] ms
   */
  #closed(code, wait) {
    // a close code of the server's own proves that nothing in between blocks this transport
    const isBlocked = !this.#isProven && !isFromServer(code);
    this.#close();
    if (isFinal(code)) this.#listener?.onRefused(code);
    else this.#lost(code, isBlocked && this.#fallback.failed() ? 0 : wait);
  }

  /**
   * @param {number} code
   * @param {number} [wait] ms
   */
  #lost(code, wait) {
    if (!this.#listener) return;
    this.#listener.onLost(code);
    const asked = wait ?? this.#returnIn ?? (code === TRY_LATER ? this.#backoff.nextWhenFull() : undefined);
    this.#returnIn = undefined;
    this.#notBefore = Date.now() + (asked ?? 0);
    this.#retryTimer = setTimeout(() => this.#connect(), asked ?? this.#backoff.next());
  }

  /** Replaces a transport that is certainly dead, without a wait. */
  #reopen() {
    this.#close();
    this.#listener?.onLost(0);
    this.#connect();
  }

  /** @param {number} slept ms */
  #wokeUp(slept) {
    if (this.#transport && this.#isProven && slept < Connection.ABANDONED_AFTER_MS) this.#heartbeat.ping();
    else if (this.#transport && this.#isProven) this.#reopen();
    else if (Date.now() >= this.#notBefore) this.#connect();
  }

  #wentOffline() {
    if (this.#transport) this.#heartbeat.ping();
    else this.#listener?.onLost(0);
  }

  #close() {
    for (const timer of [this.#retryTimer, this.#openTimer, this.#stableTimer]) clearTimeout(timer);
    this.#retryTimer = this.#openTimer = this.#stableTimer = 0;
    this.#heartbeat.stop();
    const transport = this.#transport;
    this.#transport = undefined;
    transport?.close();
  }
}
