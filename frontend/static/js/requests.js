import { Following } from "./following.js";
import { BROKEN, TRY_LATER } from "./frames.js";
import { Refusal } from "./refusal.js";

/** @import { LiveEvent } from "./frames.js" */
/** @import { Transport } from "./socket.js" */

/**
 * What the stream and the poll have in common: where a socket is told something, they ask anew.
 *
 * It speaks the frames of the socket, so that who listens need not know which transport it is.
 */
export class Requests {
  proof = "subscribed";

  /** @type {Transport["heard"]} */
  heard = () => {};
  /** @type {Transport["closed"]} */
  closed = () => {};

  following = new Following();
  #unanswered = 0; // subscribes
  #asksForLife = false;
  #request = new AbortController();
  /** @type {{format?: string, language?: string}} */
  #manner = {};

  /** The server has nothing to say before it is asked: this greets in its place. */
  open() {
    queueMicrotask(() => this.heard({ type: "welcome", protocol: 1, epoch: "", heartbeat: 25 }));
  }

  close() {
    this.heard = this.closed = () => {};
    this.#request.abort();
  }

  /** @param {any} frame as it would go to a socket */
  send(frame) {
    switch (frame.type) {
      case "hello": // who reads, the session cookie says
        this.#manner = { format: frame.format, language: frame.language };
        return this.heard({ type: "hello", user: null, name: null, expires: null });
      case "subscribe":
        this.#unanswered += 1;
        this.following.ask(frame.topics, frame.since ?? "");
        return this.#ask();
      case "unsubscribe": // the next request leaves them out; until then they harm nobody
        this.following.drop(frame.topics);
        return this.heard({ type: "unsubscribed", topics: frame.topics, code: "asked" });
      case "ping":
        this.#asksForLife = true;
        return this.#ask();
    }
  }

  /**
   * Asks, and hands on what comes until it ends.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<void>}
   */
  async follow(signal) {
    throw new Error(`nothing follows ${signal}`);
  }

  /**
   * The request was taken: this is the answer to whatever was asked.
   *
   * @param {string} position where the reader now stands
   * @returns {(event: LiveEvent) => boolean} whether an event of this answer is to be handed on
   */
  taken(position) {
    const isNew = this.following.answered();
    this.following.at = position;
    const answer = { topics: this.following.topics, refused: [], position, recovered: true, missed: 0 };
    for (; this.#unanswered; this.#unanswered -= 1) this.heard({ type: "subscribed", ...answer });
    if (this.#asksForLife) this.heard({ type: "pong", position });
    this.#asksForLife = false;
    return isNew;
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number>} query
   * @param {AbortSignal} signal
   * @param {string[]} [topics]
   */
  async fetch(path, query, signal, topics = this.following.topics) {
    const url = new URL(path, location.href);
    for (const topic of topics) url.searchParams.append("topic", topic);
    for (const [name, value] of Object.entries({ ...this.#manner, ...query })) {
      if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    const answer = await fetch(url, { signal, cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Refusal(answer);
    return answer;
  }

  /** @returns {Promise<void>} */
  async #ask() {
    this.#request.abort();
    const { signal } = (this.#request = new AbortController());
    try {
      if (this.following.topics.length) await this.follow(signal);
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Refusal)) return this.closed(BROKEN);
      if ([403, 404].includes(problem.status) && (await this.#leaveOut(signal))) return this.#ask();
      const isLater = problem.status === 429 || problem.wait !== undefined;
      return this.closed(isLater ? TRY_LATER : BROKEN, problem.wait);
    }
    if (!signal.aborted) this.closed(BROKEN);
  }

  /**
   * One refused topic refuses the request, and does not say which it was: each is asked for alone.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} whether the others can be asked for without it
   */
  async #leaveOut(signal) {
    const { topics } = this.following;
    const allowed = await Promise.all(topics.map((topic) => this.#mayFollow(topic, signal)));
    const refused = topics.filter((_, number) => !allowed[number]);
    if (signal.aborted || !refused.length || refused.length === topics.length) return false;
    this.following.drop(refused);
    this.heard({ type: "unsubscribed", topics: refused, code: "forbidden" });
    return true;
  }

  /**
   * @param {string} topic
   * @param {AbortSignal} signal
   */
  async #mayFollow(topic, signal) {
    try {
      await this.fetch("/live/log", { limit: 1 }, signal, [topic]);
    } catch (problem) {
      return !(problem instanceof Refusal && [403, 404].includes(problem.status));
    }
    return true;
  }
}
