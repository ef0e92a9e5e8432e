import { staysAway } from "./frames.js";

/** @import { Frame } from "./frames.js" */
/** @import { Backoff } from "./backoff.js" */

/**
 * @typedef {object} Listener what a connection tells
 * @property {(frame: Frame) => void} heard
 * @property {(code: number) => void} lost the connection ended; another try follows
 * @property {(code: number) => void} refused the server does not want us: no try follows
 */

/**
 * One WebSocket after another: opens, listens for signs of life, comes back with backoff.
 *
 * A socket may look open long after its network is gone. So silence longer than the server's
 * heartbeat, and every sign that this page slept (shown again, online again), asks with a ping
 * and cuts the socket when nothing answers.
 */
export class Connection {
  static ANSWER = 3_000; // ms for a pong; a radio that wakes up needs one or two
  static PATIENCE = 1.4; // times the heartbeat that may pass in silence

  #open;
  #backoff;
  /** @type {Listener | undefined} */
  #listener;
  /** @type {WebSocket | undefined} */
  #socket;
  #heartbeat = 25_000; // ms, until the welcome says otherwise
  #retry = 0;
  #silence = 0;
  #answer = 0;
  /** @type {number | undefined} ms, when the server named the moment to return */
  #returnIn;

  /**
   * @param {() => WebSocket} open
   * @param {Backoff} backoff
   */
  constructor(open, backoff) {
    this.#open = open;
    this.#backoff = backoff;
  }

  /** @param {Listener} listener */
  start(listener) {
    this.#listener = listener;
    document.addEventListener("visibilitychange", this.#wake);
    addEventListener("online", this.#wake);
    this.#connect();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#wake);
    removeEventListener("online", this.#wake);
    this.#listener = undefined;
    this.#drop();
  }

  /** @param {object} frame */
  send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** The server takes us: the next failure is a first one again. */
  settled() {
    this.#backoff.reset();
  }

  /** Ends this socket and opens another one, after a backoff. */
  restart() {
    this.#drop();
    this.#lost(0);
  }

  #connect() {
    this.#drop();
    const socket = (this.#socket = this.#open());
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#hear(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
    this.#listenForLife();
  }

  /** @param {Frame} frame */
  #hear(frame) {
    clearTimeout(this.#answer);
    this.#answer = 0;
    if (frame.type === "welcome") this.#heartbeat = frame.heartbeat * 1_000;
    if (frame.type === "leaving") {
      const [from, to] = frame.reconnect_in;
      this.#returnIn = from + Math.random() * (to - from);
    }
    this.#listenForLife();
    this.#listener?.heard(frame);
  }

  /** @param {number} code */
  #closed(code) {
    this.#drop();
    if (staysAway(code)) this.#listener?.refused(code);
    else this.#lost(code);
  }

  /** @param {number} code */
  #lost(code) {
    if (!this.#listener) return;
    this.#listener.lost(code);
    const wait = this.#returnIn ?? this.#backoff.next();
    this.#returnIn = undefined;
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #listenForLife() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#ask(), this.#heartbeat * Connection.PATIENCE);
  }

  #wake = () => {
    if (document.visibilityState === "hidden") return;
    if (this.#socket) this.#ask();
    else if (this.#listener && this.#retry) this.#connect();
  };

  #ask() {
    if (this.#answer) return;
    this.send({ type: "ping" });
    this.#answer = setTimeout(() => this.restart(), Connection.ANSWER);
  }

  #drop() {
    for (const timer of [this.#retry, this.#silence, this.#answer]) clearTimeout(timer);
    this.#retry = this.#silence = this.#answer = 0;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }
}
