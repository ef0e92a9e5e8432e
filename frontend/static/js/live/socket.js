/** @import { Transport } from "./transport.js" */

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
