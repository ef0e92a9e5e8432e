/** A socket whose other end is the test, and a server that answers as docs/protocol.md says. */
import { settled } from "../browser.js";

export class TestSocket {
  /** @type {TestSocket[]} */
  static opened = [];

  readyState = 1;
  /** @type {any[]} */
  sent = [];
  /** @type {(message: {data: string}) => void} */
  onmessage = () => {};
  /** @type {(event: {code: number}) => void} */
  onclose = () => {};

  constructor() {
    TestSocket.opened.push(this);
  }

  static get last() {
    return /** @type {TestSocket} */ (TestSocket.opened.at(-1));
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  /** @param {...object} frames */
  async says(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
    await settled();
  }

  /** @param {number} code */
  async cuts(code) {
    this.readyState = 3;
    this.onclose({ code });
    await settled();
  }

  /** @param {string} type */
  asked(type) {
    return this.sent.filter((frame) => frame.type === type);
  }

  /** Takes the reader in: welcome, hello, and all topics from where they were asked for. */
  async greets(/** @type {object} */ hello = anonymous) {
    await this.says(welcome);
    await this.says(hello);
    const { topics, since } = this.asked("subscribe").at(-1);
    await this.says({ type: "subscribed", topics, refused: [], position: since, recovered: true, missed: 0 });
  }
}

export const welcome = { type: "welcome", protocol: 1, epoch: "e", heartbeat: 25 };

export const anonymous = { type: "hello", user: null, name: null, expires: null };

/**
 * A connection that knows sockets only, and waits as the test says.
 *
 * @param {{next: () => number}} waits
 */
export async function socketOnly(waits) {
  const { Connection } = await import("../../static/js/live/connection.js");
  const { TransportFallback } = await import("../../static/js/live/fallback.js");
  const { Socket } = await import("../../static/js/live/socket.js");
  const fallback = new TransportFallback([() => new Socket(() => /** @type {any} */ (new TestSocket()))], tabStorage());
  const backoff = { nextWhenFull: waits.next, reset: () => {}, ...waits };
  return new Connection(fallback, /** @type {any} */ (backoff));
}

/** What a tab remembers. */
export function tabStorage() {
  /** @type {Map<string, string>} */
  const kept = new Map();
  return {
    getItem: (/** @type {string} */ name) => kept.get(name) ?? null,
    setItem: (/** @type {string} */ name, /** @type {string} */ value) => void kept.set(name, value),
  };
}
