import { SIGNED_OUT } from "./close-codes.js";
import { Cursor, earlier } from "./cursor.js";
import { HttpError } from "./http.js";
import { PauseBuffer } from "./pause-buffer.js";
import { ReceiveQueue } from "./receive-queue.js";
import { RefreshScheduler } from "./refresh-scheduler.js";
import { Subscription } from "./subscription.js";

/** @import { Frame, Hello, LiveEvent, Reset, Subscribed, ErrorFrame } from "./frames.js" */
/** @import { Connection } from "./connection.js" */
/** @import { LivePage, StatusDisplay } from "./display.js" */
/** @import { Identity } from "./identity.js" */
/** @import { Presence } from "./presence.js" */

/**
 * The conversation with the server over a connection: identifies the reader, follows the topics of the
 * page, and applies events to it.
 *
 * The cursor rule: every resume names the cursor; a topic that an event brought to the page is followed
 * from the position of that event, one that a fresh page brought from the position of that page.
 */
export class Session {
  #connection;
  #cursor;
  #page;
  #identity;
  #status;
  #subscription = new Subscription();
  #receiveQueue = new ReceiveQueue((frames) => this.#process(frames), (problem) => this.#fail(problem));
  #pauseBuffer = new PauseBuffer();
  #presence;
  #refreshScheduler = new RefreshScheduler(() => this.want("refresh"));
  /** @type {number | undefined} */
  #readers;
  #isOn = false;
  #due = 0; // missed events that are still to come before this page is live
  #forbiddenAt = ""; // the position at which a topic was taken away; given back, it is followed from there
  #isResuming = false; // on a new connection, which follows nothing yet

  /**
   * @param {object} parts
   * @param {Connection} parts.connection
   * @param {Cursor} parts.cursor
   * @param {LivePage} parts.page
   * @param {Identity} parts.identity
   * @param {Presence} parts.presence
   * @param {StatusDisplay} parts.status
   */
  constructor({ connection, cursor, page, identity, presence, status }) {
    this.#connection = connection;
    this.#cursor = cursor;
    this.#page = page;
    this.#identity = identity;
    this.#presence = presence;
    this.#status = status;
  }

  start() {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#status.show("catching-up");
    document.addEventListener("visibilitychange", this.#visibilityChanged);
    this.#connection.start({
      onFrame: (frame) => this.#receiveQueue.push(frame),
      onLost: (code) => this.#lost(code),
      onRefused: () => this.#status.show("offline"),
    });
  }

  /** Stops, because the page is left or closed: the reader is gone at once. */
  leave() {
    this.#presence.leave();
    this.stop();
  }

  stop() {
    this.#isOn = false;
    document.removeEventListener("visibilitychange", this.#visibilityChanged);
    this.#identity.stop();
    this.#refreshScheduler.stop();
    this.#presence.stop();
    this.#receiveQueue.clear();
    this.#connection.stop();
  }

  /** Holds events back from here on. */
  pause() {
    this.#pauseBuffer.isOn = true;
    this.#status.paused(true);
  }

  /** Applies the held events, and goes on. */
  resume() {
    this.#pauseBuffer.isOn = false;
    this.#status.paused(false);
    this.#receiveQueue.push({ type: "released" });
  }

  /**
   * Reads the page, in order with the events: those that come later wait until it is read.
   *
   * @param {"load" | "jump" | "refresh"} what
   */
  want(what) {
    this.#receiveQueue.push({ type: "wanted", what });
  }

  /** @param {number} code */
  #lost(code) {
    this.#identity.stop();
    this.#presence.lost();
    this.#receiveQueue.clear();
    if (code === SIGNED_OUT) this.#identity.revoked();
    this.#status.show(navigator.onLine ? "reconnecting" : "offline");
  }

  /** @param {unknown} problem */
  #fail(problem) {
    console.warn("The page could not follow; it starts again from its cursor.", problem);
    this.#connection.restart(problem instanceof HttpError ? problem.wait : undefined);
  }

  /** @param {Frame[]} frames */
  async #process(frames) {
    if (!this.#pauseBuffer.isOn) await this.#release();
    while (frames.length) {
      const events = /** @type {LiveEvent[]} */ (frames.splice(0, countEvents(frames)));
      if (events.length) await this.#patch(events);
      else await this.#answer(/** @type {Frame} */ (frames.shift()));
    }
  }

  async #release() {
    if (this.#pauseBuffer.isStale) return void (await this.#refresh());
    const events = this.#pauseBuffer.release();
    this.#status.waiting(0);
    if (events.length) await this.#apply(events);
    else if (this.#page.isIncomplete) this.#refreshScheduler.want(this.#readers); // by withdrawals during the pause
  }

  /** @param {LiveEvent[]} events that arrived together */
  async #patch(events) {
    let at = this.#cursor;
    for (const { position } of events) {
      if (!at.leadsTo(position, true)) return this.#outOfOrder(position);
      at = new Cursor(position);
    }
    const now = this.#pauseBuffer.take(events);
    this.#status.waiting(this.#pauseBuffer.size);
    if (now.length) await this.#apply(now);
    this.#cursor.moved(at.at);
    this.#due = Math.max(0, this.#due - events.length);
    if (this.#due === 0) this.#live();
  }

  /** @param {LiveEvent[]} events */
  async #apply(events) {
    try {
      this.#page.apply(events);
    } catch (problem) {
      // one event that cannot be applied must not hold up the events after it
      console.warn("The page is read anew: an event could not be applied.", problem);
      this.#pauseBuffer.isStale = true; // until a fresh page was fetched
      await this.#refresh();
    }
    this.#follow(events[0].position);
    if (this.#page.isIncomplete) this.#refreshScheduler.want(this.#readers);
    this.#status.updated(new Date(events[events.length - 1].time));
  }

  /** Renews the ticket of a page that was signed out: its user may have signed in again in another tab. */
  #visibilityChanged = () => {
    if (document.visibilityState !== "hidden" && this.#identity.isSignedOut) void this.#identity.renew();
  };

  /** Makes the page like a fresh one, without a reload; returns that one's position. */
  async #refresh(isForAnotherReader = this.#identity.hasChanged) {
    const position = await this.#page.refresh(isForAnotherReader);
    this.#identity.pageRenewed();
    this.#pageRenewed();
    return position;
  }

  #pageRenewed() {
    this.#pauseBuffer.clear();
    this.#status.waiting(0);
    this.#status.updated(new Date());
  }

  /** @param {"load" | "jump" | "refresh"} what */
  async #readPage(what) {
    const position = this.#cursor.at;
    try {
      if (what === "load") await this.#page.load();
      else if (what === "jump") await this.#page.jump();
      else if (this.#page.isIncomplete && !this.#pauseBuffer.isOn) await this.#page.refresh();
    } catch (problem) {
      console.warn("The page could not be read.", problem); // the page is older than it could be, but not wrong
      return this.#refreshScheduler.later();
    }
    this.#follow(position);
  }

  /**
   * Fetches the page and connects anew, after a frame of another epoch or out of order.
   *
   * @param {string} position
   */
  async #outOfOrder(position) {
    this.#status.show("catching-up");
    const was = this.#cursor.at;
    this.#cursor.jumped(await this.#refresh());
    throw new Error(`after ${was} came ${position}`); // ends the connection, which cannot be relied on
  }

  #live() {
    this.#connection.settled();
    this.#status.show(this.#connection.isDelayed ? "delayed" : "live");
  }

  /** @param {Frame} frame */
  async #answer(frame) {
    switch (frame.type) {
      case "welcome":
        return this.#welcomed();
      case "hello":
        return this.#identified(frame);
      case "subscribed":
        return this.#subscribed(frame);
      case "unsubscribed":
        this.#subscription.ended(frame.topics, frame.code);
        return frame.code === "forbidden" ? this.#forbidden() : undefined;
      case "reset":
        return this.#reset(frame);
      case "heartbeat":
      case "pong":
        if (!this.#cursor.leadsTo(frame.position)) return this.#outOfOrder(frame.position);
        return this.#cursor.moved(frame.position);
      case "presence":
        this.#readers = this.#presence.update(frame, this.#identity.name) ?? this.#readers;
        return;
      case "wanted":
        return this.#readPage(frame.what);
      case "error":
        return this.#failedWith(frame);
    }
  }

  async #welcomed() {
    this.#subscription.clear();
    this.#isResuming = true;
    await this.#identity.begin();
  }

  /** @param {Hello} frame */
  async #identified(frame) {
    this.#identity.answered(frame);
    if (this.#identity.hasChanged) await this.#refresh();
    const since = this.#isResuming ? this.#cursor.resume() : this.#cursor.at;
    if (this.#forbiddenAt) this.#subscription.retryRefused();
    this.#follow(this.#forbiddenAt ? earlier(since, this.#forbiddenAt) : since);
    this.#isResuming = false;
    this.#forbiddenAt = "";
  }

  /**
   * Subscribes to the topics that the page names, and unsubscribes from those that it does not name any more.
   *
   * @param {string} since
   */
  #follow(since) {
    const wanted = this.#page.topics();
    const surplus = this.#subscription.surplus(wanted);
    if (surplus.length) this.#connection.send({ type: "unsubscribe", topics: surplus });
    const topics = this.#subscription.missing(wanted);
    if (!topics.length) return;
    this.#subscription.asked(topics);
    this.#cursor.asked(since);
    this.#connection.send({ type: "subscribe", topics, ...(since && { since }) });
  }

  /** @param {Subscribed} frame */
  async #subscribed(frame) {
    this.#subscription.answered(frame.topics, frame.refused);
    // a page made while the log was away has no position, so what it misses is unknown
    if (!this.#cursor.at) await this.#refresh();
    this.#cursor.answered();
    this.#cursor.moved(frame.position);
    this.#due = frame.missed;
    this.#presence.start();
    if (frame.refused.some(({ code }) => code === "forbidden")) await this.#forbidden();
    if (frame.recovered && frame.missed === 0) this.#live();
    else this.#status.show("catching-up");
  }

  /** @param {Reset} frame */
  async #reset(frame) {
    this.#status.show("catching-up");
    const position = await this.#page.catchUp(frame.missed, this.#pauseBuffer.isOn);
    this.#pageRenewed();
    this.#cursor.moved(frame.position);
    this.#follow(position);
    this.#due = 0;
    this.#live();
  }

  /** Tries a new ticket for a topic that is forbidden; if that has not helped, fetches the page for the present reader. */
  async #forbidden() {
    this.#forbiddenAt ||= this.#cursor.at;
    if (await this.#identity.retry()) return; // the topic is asked for again after the server's hello
    this.#forbiddenAt = "";
    await this.#refresh(true);
  }

  /** @param {ErrorFrame} frame */
  async #failedWith(frame) {
    if (frame.code === "bad-topic") return this.#presence.stop(); // this server does not count readers
    if (frame.code === "bad-ticket" && (await this.#identity.retry())) return;
    throw new Error(`${frame.code}: ${frame.detail}`);
  }
}

/** @param {Frame[]} frames */
function countEvents(frames) {
  const other = frames.findIndex((frame) => frame.type !== "event");
  return other === -1 ? frames.length : other;
}
