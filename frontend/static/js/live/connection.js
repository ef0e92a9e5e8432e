import { TransportUpgrade } from "./upgrade.js";
import { isFinal, isFromServer, TRY_LATER } from "./close-codes.js";
import { Heartbeat } from "./heartbeat.js";
import { WakeDetector } from "./wake-detector.js";

/** @import { Frame } from "./frames.js" */
/** @import { Backoff } from "./backoff.js" */
/** @import { TransportFallback } from "./fallback.js" */
/** @import { Transport } from "./transport.js" */

/**
 * @typedef {object} Listener what a connection tells
 * @property {(frame: Frame) => void} onFrame
 * @property {(code: number) => void} onLost the connection ended; another try follows
 * @property {(code: number) => void} onRefused the server does not want us: no try follows
 */

/**
 * One transport after another: opens, listens for signs of life, comes back with backoff, takes
 * another way where the one it has is blocked, and goes back to a better one.
 */
export class Connection {
  static STABLE_AFTER_MS = 5_000; // ms; what ends sooner was no success, and the wait goes on growing
  static ABANDONED_AFTER_MS = 40_000; // ms; after that the server has given us up, and asking costs 3 s more

  #fallback;
  #backoff;
  #heartbeat = new Heartbeat(() => this.send({ type: "ping" }), () => this.restart());
  #wakeDetector = new WakeDetector((slept) => this.#woke(slept), () => this.#cut());
  #upgrade;
  /** @type {Listener | undefined} */
  #listener;
  /** @type {Transport | undefined} */
  #transport;
  #proven = false; // something came from the server on this transport
  #limit = 0;
  #retry = 0;
  #steady = 0;
  /** @type {number | undefined} ms, when the server named the moment to return */
  #returnIn;
  #notBefore = 0; // the time before which the server does not want us

  /**
   * @param {TransportFallback} fallback
   * @param {Backoff} backoff
   */
  constructor(fallback, backoff) {
    this.#fallback = fallback;
    this.#backoff = backoff;
    this.#upgrade = new TransportUpgrade(() => fallback.make(0), (transport, first) => this.#arrived(transport, first));
  }

  /** By asking again and again: what is new comes, but not at once. */
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
    this.#drop();
  }

  /** @param {object} frame */
  send(frame) {
    this.#transport?.send(frame);
  }

  /** The server takes us: once that has lasted, the next failure is a first one again. */
  settled() {
    if (!this.#steady) this.#steady = setTimeout(() => this.#backoff.reset(), Connection.STABLE_AFTER_MS);
  }

  /**
   * Ends this connection and opens another one, after a backoff.
   *
   * @param {number} [wait] ms that the server asked for
   */
  restart(wait) {
    this.#drop();
    this.#lost(0, wait);
  }

  #connect() {
    this.#drop();
    const transport = this.#fallback.make();
    this.#use(transport);
    this.#limit = setTimeout(() => this.#closed(0), transport.timeout);
    transport.open();
  }

  /** @param {Transport} transport */
  #use(transport) {
    this.#transport = transport;
    this.#proven = false;
    transport.onFrame = (frame) => this.#hear(frame);
    transport.onClose = (code, wait) => this.#closed(code, wait);
  }

  /**
   * @param {Transport} transport a better one, open already
   * @param {Frame} first
   */
  #arrived(transport, first) {
    this.#drop();
    this.#listener?.onLost(0); // what the other one brought and was not handled yet comes again
    this.#fallback.top();
    this.#use(transport);
    this.#hear(first);
  }

  /** @param {Frame} frame */
  #hear(frame) {
    if (!this.#proven && frame.type === this.#transport?.proof) this.#prove();
    if (this.#proven) this.#heartbeat.reset();
    if (frame.type === "welcome") this.#heartbeat.interval = frame.heartbeat * 1_000;
    if (frame.type === "leaving") {
      const [from, to] = frame.reconnect_in;
      this.#returnIn = from + Math.random() * (to - from);
    }
    this.#listener?.onFrame(frame);
  }

  #prove() {
    clearTimeout(this.#limit);
    this.#proven = true;
    this.#fallback.worked();
    if (this.#fallback.isTop) this.#upgrade.stop();
    else this.#upgrade.start(this.#fallback.hadBetter);
  }

  /**
   * @param {number} code
   * @param {number} [wait] ms
   */
  #closed(code, wait) {
    // a server that says why it closes was reached: nothing in between is in the way
    const isBlocked = !this.#proven && !isFromServer(code);
    this.#drop();
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
    const named = wait ?? this.#returnIn ?? (code === TRY_LATER ? this.#backoff.late() : undefined);
    this.#returnIn = undefined;
    this.#notBefore = Date.now() + (named ?? 0);
    this.#retry = setTimeout(() => this.#connect(), named ?? this.#backoff.next());
  }

  /** What we have is surely gone: another one, at once. */
  #reopen() {
    this.#drop();
    this.#listener?.onLost(0);
    this.#connect();
  }

  /** @param {number} slept ms */
  #woke(slept) {
    if (this.#transport && this.#proven && slept < Connection.ABANDONED_AFTER_MS) this.#heartbeat.ping();
    else if (this.#transport && this.#proven) this.#reopen();
    else if (Date.now() >= this.#notBefore) this.#connect();
  }

  #cut() {
    if (this.#transport) this.#heartbeat.ping();
    else this.#listener?.onLost(0);
  }

  #drop() {
    for (const timer of [this.#retry, this.#limit, this.#steady]) clearTimeout(timer);
    this.#retry = this.#limit = this.#steady = 0;
    this.#heartbeat.stop();
    const transport = this.#transport;
    this.#transport = undefined;
    transport?.close();
  }
}
