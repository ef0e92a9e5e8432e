import { Cursor } from "./cursor.js";
import { SIGNED_OUT } from "./frames.js";
import { Hold } from "./hold.js";
import { Inbox } from "./inbox.js";
import { Presence } from "./presence.js";
import { Refusal } from "./refusal.js";
import { Subscription } from "./subscription.js";

/** @import { Frame, Hello, LiveEvent, Reset, Subscribed, Refused } from "./frames.js" */
/** @import { Connection } from "./connection.js" */
/** @import { Page } from "./page.js" */
/** @import { LiveStatus } from "./status.js" */
/** @import { Tickets } from "./tickets.js" */

/**
 * What is said over a connection: who reads, which topics, and what the events do to the page.
 *
 * The cursor rule: every resume names the cursor; topics that a patch brought are followed from
 * the position of the event that brought them, topics that a fresh page brought from the page's.
 */
export class Session {
  static RENEW = 60_000; // ms before a ticket expires
  static LATEST = 2 ** 31 - 1; // ms; a longer timer fires at once

  #connection;
  #cursor;
  #page;
  #tickets;
  #status;
  #subscription = new Subscription();
  #inbox = new Inbox((frames) => this.#process(frames), (problem) => this.#fail(problem));
  #hold = new Hold();
  #presence;
  #isOn = false;
  #due = 0; // missed events still to come before this page is live
  #renewal = 0;
  #resuming = false; // a new connection, which follows nothing yet
  #ticketIsOld = false;
  #badTickets = 0;

  /**
   * @param {Connection} connection
   * @param {Cursor} cursor
   * @param {Page} page
   * @param {Tickets} tickets
   * @param {LiveStatus} status
   */
  constructor(connection, cursor, page, tickets, status) {
    this.#connection = connection;
    this.#cursor = cursor;
    this.#page = page;
    this.#tickets = tickets;
    this.#status = status;
    this.#presence = new Presence(page, (frame) => connection.send(frame));
  }

  start() {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#status.show("catching-up");
    this.#connection.start({
      heard: (frame) => this.#inbox.push(frame),
      lost: (code) => this.#lost(code),
      refused: () => this.#status.show("offline"),
    });
  }

  stop() {
    this.#isOn = false;
    clearTimeout(this.#renewal);
    this.#presence.stop();
    this.#inbox.clear();
    this.#connection.stop();
  }

  /** Nothing is inserted from here on. */
  pause() {
    this.#hold.isOn = true;
    this.#status.paused(true);
  }

  /** Shows what was held, and goes on. */
  resume() {
    this.#hold.isOn = false;
    this.#status.paused(false);
    this.#inbox.push({ type: "released" });
  }

  /** @param {number} code */
  #lost(code) {
    clearTimeout(this.#renewal);
    this.#presence.stop();
    this.#status.readers(undefined);
    this.#inbox.clear();
    if (code === SIGNED_OUT) this.#ticketIsOld = true;
    this.#status.show(navigator.onLine ? "reconnecting" : "offline");
  }

  /** @param {unknown} problem */
  #fail(problem) {
    console.warn("The page could not follow; it starts again from its cursor.", problem);
    this.#connection.restart(problem instanceof Refusal ? problem.wait : undefined);
  }

  /** @param {Frame[]} frames */
  async #process(frames) {
    if (!this.#hold.isOn) await this.#release();
    while (frames.length) {
      const events = /** @type {LiveEvent[]} */ (frames.splice(0, countEvents(frames)));
      if (events.length) await this.#patch(events);
      else await this.#answer(/** @type {Frame} */ (frames.shift()));
    }
  }

  async #release() {
    if (this.#hold.isStale) return void (await this.#renewPage());
    const events = this.#hold.release();
    this.#status.waiting(0);
    if (events.length) await this.#apply(events);
  }

  /** @param {LiveEvent[]} events that arrived together */
  async #patch(events) {
    let at = this.#cursor;
    for (const { position } of events) {
      if (!at.leadsTo(position, true)) return this.#astray(position);
      at = new Cursor(position);
    }
    const now = this.#hold.take(events);
    this.#status.waiting(this.#hold.size);
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
      this.#hold.isStale = true; // and stays it until a fresh page was had
      await this.#renewPage();
    }
    this.#follow(events[0].position);
    this.#status.updated(new Date(events[events.length - 1].time));
  }

  /** Makes the page a fresh one, without a reload; its position. */
  async #renewPage() {
    const position = await this.#page.refresh();
    this.#hold.clear();
    this.#status.waiting(0);
    this.#status.updated(new Date());
    return position;
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
        return this.#subscription.ended(frame.topics, frame.code);
      case "reset":
        return this.#reset(frame);
      case "heartbeat":
      case "pong":
        if (!this.#cursor.leadsTo(frame.position)) return this.#astray(frame.position);
        return this.#cursor.moved(frame.position);
      case "presence":
        if (frame.topic === this.#presence.topic) this.#status.readers(frame.readers);
        return;
      case "error":
        return this.#refused(frame);
    }
  }

  async #greet() {
    this.#subscription.clear();
    this.#resuming = true;
    this.#badTickets = 0;
    if (this.#ticketIsOld) await this.#tickets.renew();
    this.#ticketIsOld = false;
    this.#hello();
  }

  #hello() {
    const ticket = this.#tickets.current;
    const language = document.documentElement.lang;
    this.#connection.send({ type: "hello", format: "html", language, ...(ticket && { ticket }) });
  }

  /** @param {Hello} frame */
  #greeted(frame) {
    clearTimeout(this.#renewal);
    if (frame.expires) {
      const left = new Date(frame.expires).getTime() - Date.now() - Session.RENEW;
      this.#renewal = setTimeout(() => this.#renew(), Math.min(Math.max(left, 0), Session.LATEST));
    }
    this.#follow(this.#resuming ? this.#cursor.resume() : this.#cursor.at);
    this.#resuming = false;
  }

  async #renew() {
    try {
      await this.#tickets.renew();
      this.#hello();
    } catch {
      this.#ticketIsOld = true; // the network will tell by itself; the next connection asks again
    }
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
    if (frame.recovered && frame.missed === 0) this.#live();
    else this.#status.show("catching-up");
  }

  /** @param {Reset} frame */
  async #reset(frame) {
    this.#status.show("catching-up");
    const position = await this.#renewPage();
    this.#cursor.moved(frame.position);
    this.#follow(position);
    this.#due = 0;
    this.#live();
  }

  /** @param {Refused} frame */
  async #refused(frame) {
    if (frame.code === "bad-topic") return this.#presence.stop(); // who reads is counted without us
    if (frame.code === "bad-ticket" && this.#badTickets < 2) {
      this.#badTickets += 1;
      await this.#tickets.renew();
      return this.#hello();
    }
    throw new Error(`${frame.code}: ${frame.detail}`);
  }
}

/** @param {Frame[]} frames */
function countEvents(frames) {
  const other = frames.findIndex((frame) => frame.type !== "event");
  return other === -1 ? frames.length : other;
}
