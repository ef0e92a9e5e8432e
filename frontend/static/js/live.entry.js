import { Anchor } from "./page/anchor.js";
import { Backoff } from "./live/backoff.js";
import { PressComposer } from "./desk/press-composer.js";
import { Connection } from "./live/connection.js";
import { Cursor } from "./live/cursor.js";
import { PressGap } from "./page/press-gap.js";
import { PressKeys } from "./reader/press-keys.js";
import { TransportFallback } from "./live/fallback.js";
import { Page } from "./page/page.js";
import { PressPause } from "./reader/press-pause.js";
import { PressPeople } from "./desk/press-people.js";
import { Poll } from "./live/poll.js";
import { Session } from "./live/session.js";
import { Socket } from "./live/socket.js";
import { LiveStatus } from "./reader/live-status.js";
import { browserStorage } from "./reader/storage.js";
import { Stream } from "./live/stream.js";
import { Tickets } from "./live/tickets.js";
import { Title } from "./page/title.js";

customElements.define("live-status", LiveStatus);
customElements.define("press-composer", PressComposer);
customElements.define("press-gap", PressGap);
customElements.define("press-keys", PressKeys);
customElements.define("press-people", PressPeople);
customElements.define("press-pause", PressPause);

const status = /** @type {LiveStatus | null} */ (document.querySelector("live-status"));
if (status) live(status);

/** @param {LiveStatus} status */
function live(status) {
  const url = new URL("/live/socket", location.href);
  url.protocol = url.protocol.replace("http", "ws");

  const ways = [() => new Socket(() => new WebSocket(url)), () => new Stream(), () => new Poll()];
  const title = new Title();
  const session = new Session(
    new Connection(new TransportFallback(ways, browserStorage("sessionStorage")), new Backoff()),
    new Cursor(meta("live-position")),
    new Page(new Anchor(), () => title.follow()),
    new Tickets(meta("live-ticket"), "/live/ticket"),
    status,
  );
  session.start();
  status.updated(new Date(performance.timeOrigin));
  // what is new once the page has been painted comes with a moment of colour (css/feed.css)
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

/** @param {string} name */
function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";
}
