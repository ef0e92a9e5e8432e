/** @import { Transport } from "./transport.js" */

/**
 * The first choice: a WebSocket, on which frames go both ways.
 *
 * @implements {Transport}
 */
export class Socket {
  name = "socket";
  proof = "welcome";
  timeout = 1_500; // some proxies swallow an upgrade without an answer, and the page is to be live within 5 s

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
