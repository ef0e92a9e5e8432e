/** @import { Frame } from "./frames.js" */

/**
 * @typedef {object} Transport one connection to the server, from `open()` to its end
 * @property {string} name `socket`, `stream` or `poll`
 * @property {string} proof the type of the first frame that really came from the server
 * @property {number} timeout ms to wait for it before this way counts as blocked
 * @property {(frame: Frame) => void} onFrame set by who uses it
 * @property {(code: number, wait?: number) => void} onClose set by who uses it; `wait`: ms that the server asked for
 * @property {() => void} open
 * @property {(frame: any) => void} send
 * @property {() => void} close nothing is told any more
 */

/**
 * The first choice: a WebSocket. Frames go both ways, and nothing is asked twice.
 *
 * @implements {Transport}
 */
export class Socket {
  name = "socket";
  proof = "welcome";
  timeout = 1_500; // ms; some proxies swallow an upgrade without a word, and the page has 5 s to be live

  /** @type {Transport["onFrame"]} */
  onFrame = () => {};
  /** @type {Transport["onClose"]} */
  onClose = () => {};

  #connect;
  /** @type {WebSocket | undefined} */
  #socket;

  /** @param {() => WebSocket} connect */
  constructor(connect) {
    this.#connect = connect;
  }

  open() {
    const socket = (this.#socket = this.#connect());
    socket.onmessage = ({ data }) => this.onFrame(JSON.parse(data));
    socket.onclose = ({ code }) => this.onClose(code);
  }

  /** @param {object} frame */
  send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  close() {
    this.onFrame = this.onClose = () => {};
    this.#socket?.close();
  }
}
