/** The bundle of every page: the connection, the page that it keeps up to date, and the elements of readers. */
import { Backoff } from "./live/backoff.js";
import { Connection } from "./live/connection.js";
import { Cursor } from "./live/cursor.js";
import { PRESENCE_SOURCE } from "./live/document-events.js";
import { TransportFallback } from "./live/fallback.js";
import { get } from "./live/http.js";
import { Identity } from "./live/identity.js";
import { Poll } from "./live/poll.js";
import { Presence } from "./live/presence.js";
import { Session } from "./live/session.js";
import { Socket } from "./live/socket.js";
import { Stream } from "./live/stream.js";
import { Tickets } from "./live/tickets.js";
import { Anchor } from "./page/anchor.js";
import { Page } from "./page/page.js";
import { PressGap } from "./page/press-gap.js";
import { Title } from "./page/title.js";
import { LiveStatus } from "./reader/live-status.js";
import { PressKeys } from "./reader/press-keys.js";
import { PressPause } from "./reader/press-pause.js";
import { browserStorage } from "./reader/storage.js";

customElements.define("live-status", LiveStatus);
customElements.define("press-gap", PressGap);
customElements.define("press-keys", PressKeys);
customElements.define("press-pause", PressPause);

const status = /** @type {LiveStatus | null} */ (document.querySelector("live-status"));
if (status) follow(status);

/** @param {LiveStatus} status */
function follow(status) {
  const session = openSession(status);
  session.start();
  status.updated(new Date(performance.timeOrigin));
  // changes after the first paint are marked by a moment of colour (css/feed.css)
  addEventListener("load", () => setTimeout(() => document.documentElement.setAttribute("data-live-on", ""), 500));

  const pause = /** @type {PressPause | null} */ (document.querySelector("press-pause"));
  if (pause) pause.changed = (isPaused) => (isPaused ? session.pause() : session.resume());

  const gap = /** @type {PressGap | null} */ (document.querySelector("press-gap"));
  if (gap) gap.wanted = (what) => session.want(what);

  // a page with an open socket cannot be kept for the way back; one without comes back and resumes,
  // as does a page that the browser puts to sleep, from where it stands itself
  addEventListener("pagehide", () => session.leave());
  document.addEventListener("freeze", () => session.stop());
  document.addEventListener("resume", () => session.start());
  addEventListener("pageshow", (event) => {
    if (event.persisted) session.start();
  });
}

/** @param {LiveStatus} status */
function openSession(status) {
  const url = new URL("/live/socket", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const ways = [() => new Socket(() => new WebSocket(url)), () => new Stream(), () => new Poll()];
  const connection = new Connection(new TransportFallback(ways, browserStorage("sessionStorage")), new Backoff());
  const send = (/** @type {object} */ frame) => connection.send(frame);

  const title = new Title();
  const page = new Page(new Anchor(), get, () => title.follow());
  const tickets = new Tickets(meta("live-ticket"), "/live/ticket");
  const identity = new Identity(tickets, document.documentElement.lang, send);
  const presence = new Presence(page, send, status);
  document.addEventListener(PRESENCE_SOURCE, (event) => presence.use(/** @type {CustomEvent} */ (event).detail));
  return new Session({ connection, cursor: new Cursor(meta("live-position")), page, identity, presence, status });
}

/** @param {string} name */
function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";
}
