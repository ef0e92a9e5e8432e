import { Climb } from "./upgrade.js";
import { saysWhy, staysAway, TRY_LATER } from "./frames.js";
import { Pulse } from "./heartbeat.js";
import { Wakes } from "./wake-detector.js";

/** @import { Frame } from "./frames.js" */
/** @import { Backoff } from "./backoff.js" */
/** @import { Ladder } from "./fallback.js" */
/** @import { Transport } from "./socket.js" */

/**
 * @typedef {object} Listener what a connection tells
 * @property {(frame: Frame) => void} heard
 * @property {(code: number) => void} lost the connection ended; another try follows
 * @property {(code: number) => void} refused the server does not want us: no try follows
 */

/**
 * One transport after another: opens, listens for signs of life, comes back with backoff, takes
 * another way where the one it has is blocked, and goes back to a better one.
 */
export class Connection {
  static STEADY = 5_000; // ms; what ends sooner was no success, and the wait goes on growing
  static ASLEEP = 40_000; // ms; after that the server has given us up, and asking costs 3 s more

  #ladder;
  #backoff;
  #pulse = new Pulse(() => this.send({ type: "ping" }), () => this.restart());
  #wakes = new Wakes((slept) => this.#woke(slept), () => this.#cut());
  #climb;
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
   * @param {Ladder} ladder
   * @param {Backoff} backoff
   */
  constructor(ladder, backoff) {
    this.#ladder = ladder;
    this.#backoff = backoff;
    this.#climb = new Climb(() => ladder.make(0), (transport, first) => this.#arrived(transport, first));
  }

  /** By asking again and again: what is new comes, but not at once. */
  get isDelayed() {
    return this.#transport?.name === "poll";
  }

  /** @param {Listener} listener */
  start(listener) {
    this.#listener = listener;
    this.#wakes.start();
    this.#connect();
  }

  stop() {
    this.#listener = undefined;
    this.#wakes.stop();
    this.#climb.stop();
    this.#drop();
  }

  /** @param {object} frame */
  send(frame) {
    this.#transport?.send(frame);
  }

  /** The server takes us: once that has lasted, the next failure is a first one again. */
  settled() {
    if (!this.#steady) this.#steady = setTimeout(() => this.#backoff.reset(), Connection.STEADY);
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
    const transport = this.#ladder.make();
    this.#use(transport);
    this.#limit = setTimeout(() => this.#closed(0), transport.patience);
    transport.open();
  }

  /** @param {Transport} transport */
  #use(transport) {
    this.#transport = transport;
    this.#proven = false;
    transport.heard = (frame) => this.#hear(frame);
    transport.closed = (code, wait) => this.#closed(code, wait);
  }

  /**
   * @param {Transport} transport a better one, open already
   * @param {Frame} first
   */
  #arrived(transport, first) {
    this.#drop();
    this.#listener?.lost(0); // what the other one brought and was not handled yet comes again
    this.#ladder.top();
    this.#use(transport);
    this.#hear(first);
  }

  /** @param {Frame} frame */
  #hear(frame) {
    if (!this.#proven && frame.type === this.#transport?.proof) this.#prove();
    if (this.#proven) this.#pulse.heard();
    if (frame.type === "welcome") this.#pulse.heartbeat = frame.heartbeat * 1_000;
    if (frame.type === "leaving") {
      const [from, to] = frame.reconnect_in;
      this.#returnIn = from + Math.random() * (to - from);
    }
    this.#listener?.heard(frame);
  }

  #prove() {
    clearTimeout(this.#limit);
    this.#proven = true;
    this.#ladder.worked();
    if (this.#ladder.isTop) this.#climb.stop();
    else this.#climb.start(this.#ladder.hadBetter);
  }

  /**
   * @param {number} code
   * @param {number} [wait] ms
   */
  #closed(code, wait) {
    // a server that says why it closes was reached: nothing in between is in the way
    const isBlocked = !this.#proven && !saysWhy(code);
    this.#drop();
    if (staysAway(code)) this.#listener?.refused(code);
    else this.#lost(code, isBlocked && this.#ladder.failed() ? 0 : wait);
  }

  /**
   * @param {number} code
   * @param {number} [wait] ms
   */
  #lost(code, wait) {
    if (!this.#listener) return;
    this.#listener.lost(code);
    const named = wait ?? this.#returnIn ?? (code === TRY_LATER ? this.#backoff.late() : undefined);
    this.#returnIn = undefined;
    this.#notBefore = Date.now() + (named ?? 0);
    this.#retry = setTimeout(() => this.#connect(), named ?? this.#backoff.next());
  }

  /** What we have is surely gone: another one, at once. */
  #reopen() {
    this.#drop();
    this.#listener?.lost(0);
    this.#connect();
  }

  /** @param {number} slept ms */
  #woke(slept) {
    if (this.#transport && this.#proven && slept < Connection.ASLEEP) this.#pulse.ask();
    else if (this.#transport && this.#proven) this.#reopen();
    else if (Date.now() >= this.#notBefore) this.#connect();
  }

  #cut() {
    if (this.#transport) this.#pulse.ask();
    else this.#listener?.lost(0);
  }

  #drop() {
    for (const timer of [this.#retry, this.#limit, this.#steady]) clearTimeout(timer);
    this.#retry = this.#limit = this.#steady = 0;
    this.#pulse.stop();
    const transport = this.#transport;
    this.#transport = undefined;
    transport?.close();
  }
}
