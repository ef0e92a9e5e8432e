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
 * What is said over a connection: who reads, which topics, and what the events do to the page.
 *
 * The cursor rule: every resume names the cursor; topics that a patch brought are followed from
 * the position of the event that brought them, topics that a fresh page brought from the page's.
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
  #due = 0; // missed events still to come before this page is live
  #lockedAt = ""; // where a topic was taken from us; if we get it back, we go on from there
  #resuming = false; // a new connection, which follows nothing yet

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
    document.addEventListener("visibilitychange", this.#shown);
    this.#connection.start({
      onFrame: (frame) => this.#receiveQueue.push(frame),
      onLost: (code) => this.#lost(code),
      onRefused: () => this.#status.show("offline"),
    });
  }

  /** The page is left for another one, or closed. */
  leave() {
    this.#presence.leave();
    this.stop();
  }

  stop() {
    this.#isOn = false;
    document.removeEventListener("visibilitychange", this.#shown);
    this.#identity.rest();
    this.#refreshScheduler.stop();
    this.#presence.stop();
    this.#receiveQueue.clear();
    this.#connection.stop();
  }

  /** Nothing is inserted from here on. */
  pause() {
    this.#pauseBuffer.isOn = true;
    this.#status.paused(true);
  }

  /** Shows what was held, and goes on. */
  resume() {
    this.#pauseBuffer.isOn = false;
    this.#status.paused(false);
    this.#receiveQueue.push({ type: "released" });
  }

  /**
   * Reads more of the page. Events wait meanwhile, so that none is older than what they meet.
   *
   * @param {"load" | "jump" | "refresh"} what
   */
  want(what) {
    this.#receiveQueue.push({ type: "wanted", what });
  }

  /** @param {number} code */
  #lost(code) {
    this.#identity.rest();
    this.#presence.lost();
    this.#receiveQueue.clear();
    if (code === SIGNED_OUT) this.#identity.distrust();
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
    if (this.#pauseBuffer.isStale) return void (await this.#renewPage());
    const events = this.#pauseBuffer.release();
    this.#status.waiting(0);
    if (events.length) await this.#apply(events);
    else if (this.#page.isIncomplete) this.#refreshScheduler.want(this.#readers); // by what was withdrawn meanwhile
  }

  /** @param {LiveEvent[]} events that arrived together */
  async #patch(events) {
    let at = this.#cursor;
    for (const { position } of events) {
      if (!at.leadsTo(position, true)) return this.#astray(position);
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
      // one fragment that cannot be applied must not hold up all that follow
      console.warn("The page is read anew: an event could not be applied.", problem);
      this.#pauseBuffer.isStale = true; // and stays it until a fresh page was had
      await this.#renewPage();
    }
    this.#follow(events[0].position);
    if (this.#page.isIncomplete) this.#refreshScheduler.want(this.#readers);
    this.#status.updated(new Date(events[events.length - 1].time));
  }

  /** They may have signed in again in another tab. */
  #shown = () => {
    if (document.visibilityState !== "hidden" && this.#identity.isSignedOut) void this.#identity.renew();
  };

  /** Makes the page a fresh one, without a reload; its position. */
  async #renewPage(forWhoReads = this.#identity.isSomebodyElse) {
    const position = await this.#page.refresh(forWhoReads);
    this.#identity.shows();
    this.#renewed();
    return position;
  }

  #renewed() {
    this.#pauseBuffer.clear();
    this.#status.waiting(0);
    this.#status.updated(new Date());
  }

  /** @param {"load" | "jump" | "refresh"} what */
  async #read(what) {
    const position = this.#cursor.at;
    try {
      if (what === "load") await this.#page.load();
      else if (what === "jump") await this.#page.jump();
      else if (this.#page.isIncomplete && !this.#pauseBuffer.isOn) await this.#page.refresh();
    } catch (problem) {
      console.warn("The page could not be read.", problem); // what is shown is true as far as it goes
      return this.#refreshScheduler.later();
    }
    this.#follow(position);
  }

  /**
   * A frame of another log, or out of order: what this page is made of can no longer be known.
   *
   * @param {string} position
   */
  async #astray(position) {
    this.#status.show("catching-up");
    const was = this.#cursor.at;
    this.#cursor.jumped(await this.#renewPage());
    throw new Error(`after ${was} came ${position}`); // this connection is not to be believed
  }

  #live() {
    this.#connection.settled();
    this.#status.show(this.#connection.isDelayed ? "delayed" : "live");
  }

  /** @param {Frame} frame */
  async #answer(frame) {
    switch (frame.type) {
      case "welcome":
        return this.#greet();
      case "hello":
        return this.#greeted(frame);
      case "subscribed":
        return this.#subscribed(frame);
      case "unsubscribed":
        this.#subscription.ended(frame.topics, frame.code);
        return frame.code === "forbidden" ? this.#locked() : undefined;
      case "reset":
        return this.#reset(frame);
      case "heartbeat":
      case "pong":
        if (!this.#cursor.leadsTo(frame.position)) return this.#astray(frame.position);
        return this.#cursor.moved(frame.position);
      case "presence":
        this.#readers = this.#presence.update(frame, this.#identity.name) ?? this.#readers;
        return;
      case "wanted":
        return this.#read(frame.what);
      case "error":
        return this.#refused(frame);
    }
  }

  async #greet() {
    this.#subscription.clear();
    this.#resuming = true;
    await this.#identity.greet();
  }

  /** @param {Hello} frame */
  async #greeted(frame) {
    this.#identity.greeted(frame);
    if (this.#identity.isSomebodyElse) await this.#renewPage();
    const since = this.#resuming ? this.#cursor.resume() : this.#cursor.at;
    if (this.#lockedAt) this.#subscription.forgive();
    this.#follow(this.#lockedAt ? earlier(since, this.#lockedAt) : since);
    this.#resuming = false;
    this.#lockedAt = "";
  }

  /**
   * Follows what the page names and is not followed yet, and no longer what it does not.
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
    // a page made while the log could not be read has no position: what it missed is unknown
    if (!this.#cursor.at) await this.#renewPage();
    this.#cursor.answered();
    this.#cursor.moved(frame.position);
    this.#due = frame.missed;
    this.#presence.start();
    if (frame.refused.some(({ code }) => code === "forbidden")) await this.#locked();
    if (frame.recovered && frame.missed === 0) this.#live();
    else this.#status.show("catching-up");
  }

  /** @param {Reset} frame */
  async #reset(frame) {
    this.#status.show("catching-up");
    const position = await this.#page.catchUp(frame.missed, this.#pauseBuffer.isOn);
    this.#renewed();
    this.#cursor.moved(frame.position);
    this.#follow(position);
    this.#due = 0;
    this.#live();
  }

  /** Something that the page shows is not for this reader, or not with this ticket. */
  async #locked() {
    this.#lockedAt ||= this.#cursor.at;
    if (await this.#identity.again()) return; // greeted, we ask for it once more
    this.#lockedAt = "";
    await this.#renewPage(true);
  }

  /** @param {ErrorFrame} frame */
  async #refused(frame) {
    if (frame.code === "bad-topic") return this.#presence.stop(); // who reads is counted without us
    if (frame.code === "bad-ticket" && (await this.#identity.again())) return;
    throw new Error(`${frame.code}: ${frame.detail}`);
  }
}

/** @param {Frame[]} frames */
function countEvents(frames) {
  const other = frames.findIndex((frame) => frame.type !== "event");
  return other === -1 ? frames.length : other;
}
