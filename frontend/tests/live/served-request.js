/** A server of streams and polls whose answers the test writes, as docs/protocol.md says. */
import { define, settled } from "../browser.js";

/** One request that this page made, to be answered. */
export class ServedRequest {
  /** @type {ServedRequest[]} */
  static all = [];

  /** @type {(answer: any) => void} */
  #answer = () => {};
  /** @type {(problem: Error) => void} */
  #fail = () => {};
  /** @type {ReadableStreamDefaultController | undefined} */
  #body;
  /** @type {Promise<any>} */
  answer;

  /**
   * @param {URL} url
   * @param {AbortSignal} signal
   */
  constructor(url, signal) {
    this.url = url;
    this.signal = signal;
    this.answer = new Promise((answer, fail) => ([this.#answer, this.#fail] = [answer, fail]));
    signal.addEventListener("abort", () => this.#fail(new Error("aborted")));
    ServedRequest.all.push(this);
  }

  static get last() {
    return /** @type {ServedRequest} */ (ServedRequest.all.at(-1));
  }

  static listen() {
    ServedRequest.all = [];
    define("fetch", (/** @type {URL} */ url, /** @type {any} */ { signal }) => new ServedRequest(url, signal).answer);
  }

  get topics() {
    return this.url.searchParams.getAll("topic");
  }

  /** @param {string} name */
  says(name) {
    return this.url.searchParams.get(name);
  }

  /** @param {object} answer to a poll */
  async gives(answer) {
    const whole = { position: "e-1", recovered: true, missed: 0, events: [], more: false, ...answer };
    this.#answer(new Response(JSON.stringify(whole)));
    await settled();
  }

  /**
   * @param {number} status
   * @param {Record<string, string>} [headers]
   */
  async refuses(status, headers) {
    this.#answer(new Response("{}", { status, headers }));
    await settled();
  }

  async breaks() {
    this.#fail(new TypeError("network error"));
    this.#body?.error(new TypeError("network error"));
    await settled();
  }

  /** @param {string} text of an event stream */
  async streams(text) {
    if (!this.#body) this.#answer(new Response(new ReadableStream({ start: (body) => void (this.#body = body) })));
    this.#body?.enqueue(new TextEncoder().encode(text));
    await settled();
  }

  async ends() {
    this.#body?.close();
    await settled();
  }
}

/** @param {any} frame */
export function block(frame) {
  return `id: ${frame.position}\nevent: ${frame.kind ?? frame.type}\ndata: ${JSON.stringify(frame)}\n\n`;
}
