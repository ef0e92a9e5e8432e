import { ABNORMAL_CLOSURE, TRY_LATER } from "./close-codes.js";
import { HttpError } from "./http.js";
import { TopicCursor } from "./topic-cursor.js";

/** @import { LiveEvent } from "./frames.js" */
/** @import { Transport } from "./transport.js" */

/**
 * The common part of stream and poll: each frame to a socket becomes a new HTTP request here, and each
 * answer the frames of a socket, so that a listener need not know which transport it is.
 */
export class Requests {
  static HIDDEN_INTERVAL_MS = 30_000; // between two requests of a hidden page

  proof = "subscribed";

  /** @type {Transport["onFrame"]} */
  onFrame = () => {};
  /** @type {Transport["onClose"]} */
  onClose = () => {};

  cursor = new TopicCursor();
  #unanswered = 0; // subscribes
  #awaitsPong = false;
  #abort = new AbortController();
  /** @type {{format?: string, language?: string}} of the fragments that are asked for */
  #rendering = {};

  /** Welcomes the client in place of the server, which says nothing before it is asked. */
  open() {
    document.addEventListener("visibilitychange", this.#visibilityChanged);
    queueMicrotask(() => this.onFrame({ type: "welcome", protocol: 1, epoch: "", heartbeat: 25 }));
  }

  close() {
    document.removeEventListener("visibilitychange", this.#visibilityChanged);
    this.onFrame = this.onClose = () => {};
    this.#abort.abort();
  }

  /** @param {any} frame as it would go to a socket */
  send(frame) {
    switch (frame.type) {
      case "hello": // the session cookie says who reads
        this.#rendering = { format: frame.format, language: frame.language };
        return this.onFrame({ type: "hello", user: frame.ticket ? undefined : null, name: null, expires: null });
      case "subscribe":
        this.#unanswered += 1;
        this.cursor.ask(frame.topics, frame.since ?? "");
        return this.#request();
      case "unsubscribe": // the next request leaves them out; until then their events do no harm
        this.cursor.drop(frame.topics);
        return this.onFrame({ type: "unsubscribed", topics: frame.topics, code: "asked" });
      case "ping":
        this.#awaitsPong = true;
        return this.#request();
    }
  }

  /**
   * Requests events from where the cursor stands, and hands them on until the answer ends.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<void>}
   */
  async follow(signal) {
    throw new Error(`follow(${signal}) belongs to a subclass`);
  }

  /**
   * Reports a request that the server accepted, as the answer to all frames sent since the last one.
   *
   * @param {string} position where the reader now stands
   * @returns {(event: LiveEvent) => boolean} whether an event of this answer is to be handed on
   */
  accepted(position) {
    const isNew = this.cursor.answered();
    this.cursor.at = position;
    const answer = { topics: this.cursor.topics, refused: [], position, recovered: true, missed: 0 };
    for (; this.#unanswered; this.#unanswered -= 1) this.onFrame({ type: "subscribed", ...answer });
    if (this.#awaitsPong) this.onFrame({ type: "pong", position });
    this.#awaitsPong = false;
    return isNew;
  }

  /**
   * Reads the log from where the cursor stands.
   *
   * @param {number} wait s that the server may wait for events
   * @param {AbortSignal} signal
   */
  async read(wait, signal) {
    const answer = await this.fetch("/live/log", { since: this.cursor.since, wait }, signal);
    return await answer.json();
  }

  /**
   * Hands on an answer of the log.
   *
   * @param {any} answer
   * @param {(event: LiveEvent) => boolean} isNew
   * @returns {boolean} whether there is more to be had at once
   */
  handOn({ position, recovered, events, more, missed, reason }, isNew) {
    for (const event of events) if (isNew(event)) this.onFrame({ ...event, type: "event" });
    this.cursor.at = position;
    if (recovered) this.onFrame({ type: "heartbeat", position });
    else this.onFrame({ type: "reset", topics: this.cursor.topics, position, missed, reason });
    return more;
  }

  /**
   * Reads the log from time to time, for a hidden page. Without HTTP/2 a browser has six connections for a
   * site, for all tabs together: a hidden page that held one would keep others from loading.
   *
   * @param {AbortSignal} signal
   */
  async #followHidden(signal) {
    while (!signal.aborted) {
      const answer = await this.read(0, signal);
      const more = this.handOn(answer, this.accepted(this.cursor.since || answer.position));
      if (!more) await elapsed(Requests.HIDDEN_INTERVAL_MS, signal);
    }
  }

  #visibilityChanged = () => void this.#request();

  /**
   * @param {string} path
   * @param {Record<string, string | number>} query
   * @param {AbortSignal} signal
   * @param {string[]} [topics]
   */
  async fetch(path, query, signal, topics = this.cursor.topics) {
    const url = new URL(path, location.href);
    for (const topic of topics) url.searchParams.append("topic", topic);
    for (const [name, value] of Object.entries({ ...this.#rendering, ...query })) {
      if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    const answer = await fetch(url, { signal, cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new HttpError(answer);
    return answer;
  }

  /** @returns {Promise<void>} */
  async #request() {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    if (!this.cursor.topics.length) return; // nothing to ask for yet
    try {
      const isHidden = document.visibilityState === "hidden";
      await (isHidden ? this.#followHidden(signal) : this.follow(signal));
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof HttpError)) return this.onClose(ABNORMAL_CLOSURE);
      if ([403, 404].includes(problem.status) && (await this.#dropRefused(signal))) return this.#request();
      const isLater = problem.status === 429 || problem.wait !== undefined;
      return this.onClose(isLater ? TRY_LATER : ABNORMAL_CLOSURE, problem.wait);
    }
    if (!signal.aborted) this.onClose(ABNORMAL_CLOSURE);
  }

  /**
   * Finds the refused topics and drops them. One of them refuses the whole request without being named, so
   * each topic is asked for alone.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} whether there are others left to ask for
   */
  async #dropRefused(signal) {
    const { topics } = this.cursor;
    const allowed = await Promise.all(topics.map((topic) => this.#mayFollow(topic, signal)));
    const refused = topics.filter((_, number) => !allowed[number]);
    if (signal.aborted || !refused.length || refused.length === topics.length) return false;
    this.cursor.drop(refused);
    this.onFrame({ type: "unsubscribed", topics: refused, code: "forbidden" });
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
      return !(problem instanceof HttpError && [403, 404].includes(problem.status));
    }
    return true;
  }
}

/**
 * @param {number} time ms
 * @param {AbortSignal} signal ends the wait early
 * @returns {Promise<void>}
 */
function elapsed(time, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, time);
    signal.addEventListener("abort", () => done(clearTimeout(timer)), { once: true });
  });
}
