import { ABNORMAL_CLOSURE, TRY_LATER } from "./close-codes.js";
import { HttpError } from "./http.js";
import { TopicCursor } from "./topic-cursor.js";

/** @import { LiveEvent } from "./frames.js" */
/** @import { Transport } from "./transport.js" */

/**
 * What the stream and the poll have in common: where a socket is told something, they ask anew.
 *
 * It speaks the frames of the socket, so that who listens need not know which transport it is.
 */
export class Requests {
  static HIDDEN_INTERVAL_MS = 30_000; // ms between two looks of a hidden page

  proof = "subscribed";

  /** @type {Transport["onFrame"]} */
  onFrame = () => {};
  /** @type {Transport["onClose"]} */
  onClose = () => {};

  cursor = new TopicCursor();
  #unanswered = 0; // subscribes
  #asksForLife = false;
  #request = new AbortController();
  /** @type {{format?: string, language?: string}} */
  #manner = {};

  /** The server has nothing to say before it is asked: this greets in its place. */
  open() {
    document.addEventListener("visibilitychange", this.#seen);
    queueMicrotask(() => this.onFrame({ type: "welcome", protocol: 1, epoch: "", heartbeat: 25 }));
  }

  close() {
    document.removeEventListener("visibilitychange", this.#seen);
    this.onFrame = this.onClose = () => {};
    this.#request.abort();
  }

  /** @param {any} frame as it would go to a socket */
  send(frame) {
    switch (frame.type) {
      case "hello": // who reads, the session cookie says
        this.#manner = { format: frame.format, language: frame.language };
        return this.onFrame({ type: "hello", user: frame.ticket ? undefined : null, name: null, expires: null });
      case "subscribe":
        this.#unanswered += 1;
        this.cursor.ask(frame.topics, frame.since ?? "");
        return this.#ask();
      case "unsubscribe": // the next request leaves them out; until then they harm nobody
        this.cursor.drop(frame.topics);
        return this.onFrame({ type: "unsubscribed", topics: frame.topics, code: "asked" });
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
    const isNew = this.cursor.answered();
    this.cursor.at = position;
    const answer = { topics: this.cursor.topics, refused: [], position, recovered: true, missed: 0 };
    for (; this.#unanswered; this.#unanswered -= 1) this.onFrame({ type: "subscribed", ...answer });
    if (this.#asksForLife) this.onFrame({ type: "pong", position });
    this.#asksForLife = false;
    return isNew;
  }

  /**
   * Reads the log from where this stands.
   *
   * @param {number} wait s that the server may take until there is something
   * @param {AbortSignal} signal
   */
  async read(wait, signal) {
    const answer = await this.fetch("/live/log", { since: this.cursor.since, wait }, signal);
    return await answer.json();
  }

  /**
   * Hands on what the log answered.
   *
   * @param {any} answer
   * @param {(event: LiveEvent) => boolean} isNew
   * @returns {boolean} whether there is more to be had at once
   */
  tell({ position, recovered, events, more, missed, reason }, isNew) {
    for (const event of events) if (isNew(event)) this.onFrame({ ...event, type: "event" });
    this.cursor.at = position;
    if (recovered) this.onFrame({ type: "heartbeat", position });
    else this.onFrame({ type: "reset", topics: this.cursor.topics, position, missed, reason });
    return more;
  }

  /**
   * A browser has six connections for a site without HTTP/2, for all tabs together: a hidden page that
   * held one would keep others from loading. So it looks from time to time.
   *
   * @param {AbortSignal} signal
   */
  async #rest(signal) {
    while (!signal.aborted) {
      const answer = await this.read(0, signal);
      const more = this.tell(answer, this.taken(this.cursor.since || answer.position));
      if (!more) await passed(Requests.HIDDEN_INTERVAL_MS, signal);
    }
  }

  #seen = () => void this.#ask();

  /**
   * @param {string} path
   * @param {Record<string, string | number>} query
   * @param {AbortSignal} signal
   * @param {string[]} [topics]
   */
  async fetch(path, query, signal, topics = this.cursor.topics) {
    const url = new URL(path, location.href);
    for (const topic of topics) url.searchParams.append("topic", topic);
    for (const [name, value] of Object.entries({ ...this.#manner, ...query })) {
      if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    const answer = await fetch(url, { signal, cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new HttpError(answer);
    return answer;
  }

  /** @returns {Promise<void>} */
  async #ask() {
    this.#request.abort();
    const { signal } = (this.#request = new AbortController());
    if (!this.cursor.topics.length) return; // nothing to ask for yet
    try {
      const isHidden = document.visibilityState === "hidden";
      await (isHidden ? this.#rest(signal) : this.follow(signal));
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof HttpError)) return this.onClose(ABNORMAL_CLOSURE);
      if ([403, 404].includes(problem.status) && (await this.#leaveOut(signal))) return this.#ask();
      const isLater = problem.status === 429 || problem.wait !== undefined;
      return this.onClose(isLater ? TRY_LATER : ABNORMAL_CLOSURE, problem.wait);
    }
    if (!signal.aborted) this.onClose(ABNORMAL_CLOSURE);
  }

  /**
   * One refused topic refuses the request, and does not say which it was: each is asked for alone.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} whether the others can be asked for without it
   */
  async #leaveOut(signal) {
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
function passed(time, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, time);
    signal.addEventListener("abort", () => done(clearTimeout(timer)), { once: true });
  });
}
