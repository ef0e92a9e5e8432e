import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browse } from "../browser.js";

const WORDS = 'data-word-live="Live" data-word-reconnecting="Reconnecting" data-word-ended="Ended" data-word-updated="last update {time}"';

/** @param {string} html */
async function page(html) {
  const window = browse(html);
  // a class extends the HTMLElement of its own window, so each test's window needs its own
  const { LiveStatus } = await import(`../../static/js/reader/live-status.js?window=${Math.random()}`);
  window.customElements.define("live-status", LiveStatus);
  return window;
}

const status = () => /** @type {any} */ (document.querySelector("live-status"));

beforeEach((context) => /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout"] }));

test("trouble is shown after 4 s of it, and a short one never", async ({ mock }) => {
  await page(`<live-status ${WORDS}><span role="status"></span> <time></time></live-status>`);
  status().show("live");
  assert.equal(status().getAttribute("state"), "live");
  status().show("reconnecting");
  mock.timers.tick(3_900);
  assert.equal(status().getAttribute("state"), "live");
  status().show("live");
  mock.timers.tick(10_000);
  assert.equal(status().textContent.trim(), "Live");
  status().show("catching-up");
  mock.timers.tick(2_000);
  status().show("reconnecting");
  mock.timers.tick(2_000);
  assert.equal(status().getAttribute("state"), "reconnecting");
  assert.equal(status().textContent.trim(), "Reconnecting");
});

test("the time of the last event stands outside what is read aloud", async () => {
  await page(`<live-status ${WORDS}><span role="status"></span> <time></time></live-status>`);
  status().updated(new Date("2026-11-20T09:00:00Z"));
  assert.equal(status().querySelector("time").dateTime, "2026-11-20T09:00:00.000Z");
  assert.match(status().querySelector("time").textContent, /^last update \d\d:\d\d:\d\d /);
  assert.equal(status().querySelector("[role=status]").textContent, "");
});

test("a publication that ends is ended, however live its connection, and live when it goes on", async ({ mock }) => {
  await page(`<live-status ${WORDS}><span role="status"></span> <time></time></live-status><p></p>`);
  status().show("live");
  document.querySelector("p")?.setAttribute("data-live-ended", "");
  status().show("live");
  assert.equal(status().getAttribute("state"), "ended");
  status().show("reconnecting");
  mock.timers.tick(4_000);
  assert.equal(status().getAttribute("state"), "reconnecting");
  document.querySelector("p")?.removeAttribute("data-live-ended");
  status().show("live");
  assert.equal(status().getAttribute("state"), "live");
});

test("paused is what the reader chose, whatever the connection does", async ({ mock }) => {
  await page(`<live-status ${WORDS}><span role="status"></span></live-status>`);
  status().show("live");
  status().paused(true);
  status().show("reconnecting");
  mock.timers.tick(10_000);
  assert.equal(status().getAttribute("state"), "paused");
  status().paused(false);
  mock.timers.tick(4_000);
  assert.equal(status().getAttribute("state"), "reconnecting");
});

test("how many read and how many things wait is said in the page's words, or not at all", async () => {
  await page(`<live-status data-word-reading="{count} reading" data-word-waiting="{count} waiting">
    <span data-readers></span><span data-waiting></span></live-status>`);
  status().readers(1204);
  status().waiting(3);
  assert.deepEqual([...status().querySelectorAll("span")].map((span) => span.textContent), ["1,204 reading", "3 waiting"]); // prettier-ignore
  status().readers(undefined);
  status().waiting(0);
  assert.deepEqual([...status().querySelectorAll("span")].map((span) => span.textContent), ["", ""]); // prettier-ignore
});
