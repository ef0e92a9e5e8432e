import { Anchor } from "./anchor.js";
import { Backoff } from "./backoff.js";
import { PressComposer } from "./composer.js";
import { Connection } from "./connection.js";
import { Cursor } from "./cursor.js";
import { Page } from "./page.js";
import { Session } from "./session.js";
import { LiveStatus } from "./status.js";
import { Tickets } from "./tickets.js";
import { Title } from "./title.js";

customElements.define("live-status", LiveStatus);
customElements.define("press-composer", PressComposer);

const status = /** @type {LiveStatus | null} */ (document.querySelector("live-status"));
if (status) live(status);

/** @param {LiveStatus} status */
function live(status) {
  const url = new URL("/live/socket", location.href);
  url.protocol = url.protocol.replace("http", "ws");

  const title = new Title();
  const session = new Session(
    new Connection(() => new WebSocket(url), new Backoff()),
    new Cursor(meta("live-position")),
    new Page(new Anchor(), () => title.follow()),
    new Tickets(meta("live-ticket"), "/live/ticket"),
    status,
  );
  session.start();
  // what is new once the page has been painted comes with a moment of colour (css/feed.css)
  addEventListener("load", () => setTimeout(() => document.documentElement.setAttribute("data-live-on", ""), 500));

  // a page with an open socket cannot be kept for the way back; one without comes back and resumes
  addEventListener("pagehide", () => session.stop());
  addEventListener("pageshow", (event) => {
    if (event.persisted) session.start();
  });
}

/** @param {string} name */
function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";
}
