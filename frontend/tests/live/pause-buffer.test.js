import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PauseBuffer } from "../../static/js/live/pause-buffer.js";
import { browse } from "../browser.js";
import { event } from "../samples.js";

const LINE = `<press-pause hidden data-word-pause="Pause" data-word-resume="Resume"><button type="button"><span data-word>Pause</span></button></press-pause>
  <input><p contenteditable="true"></p>`;

/** @type {boolean[]} */
let told;

beforeEach(async () => {
  const window = browse(LINE);
  const { PressPause } = await import(`../../static/js/reader/press-pause.js?window=${Math.random()}`);
  window.customElements.define("press-pause", PressPause);
  told = [];
  const pause = /** @type {any} */ (document.querySelector("press-pause"));
  pause.changed = (/** @type {boolean} */ isPaused) => told.push(isPaused);
});

/**
 * @param {string} selector
 * @param {object} [more]
 */
function press(selector, more = {}) {
  const event = new KeyboardEvent("keydown", { key: "p", bubbles: true, ...more });
  document.querySelector(selector)?.dispatchEvent(event);
}

test("the button pauses and says how to go on", () => {
  const button = /** @type {any} */ (document.querySelector("button"));
  assert.equal(document.querySelector("press-pause")?.hasAttribute("hidden"), false);
  button.click();
  assert.equal(button.textContent, "Resume");
  button.click();
  assert.equal(button.textContent, "Pause");
  assert.deepEqual(told, [true, false]);
});

test("the key p does the same, unless somebody writes or means something else", () => {
  press("body");
  assert.deepEqual(told, [true]);
  press("input");
  press("p");
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { isComposing: true }, { repeat: true }]) press("body", more);
  assert.deepEqual(told, [true]);
  press("body");
  assert.deepEqual(told, [true, false]);
});

test("single keys can be turned off, and on again", async () => {
  document.body.insertAdjacentHTML("beforeend", '<press-keys hidden data-word-off="Off" data-word-on="On"><button></button></press-keys>');
  const { PressKeys } = await import(`../../static/js/reader/press-keys.js?window=${Math.random()}`);
  window.customElements.define("press-keys", PressKeys);
  const button = /** @type {any} */ (document.querySelector("press-keys button"));
  button.click();
  press("body");
  assert.deepEqual([told, button.textContent], [[], "On"]);
  button.click();
  press("body");
  assert.deepEqual([told, button.textContent], [[true], "Off"]);
});

test("what is not paused passes", () => {
  const events = /** @type {any[]} */ ([event("post.1", {})]);
  assert.deepEqual(new PauseBuffer().take(events), events);
});

test("paused, events wait in order; ten edits of one post count as one", () => {
  const buffer = new PauseBuffer();
  buffer.isOn = true;
  const events = /** @type {any[]} */ ([event("post.1", {}), event("post.2", {}), event("post.1", {})]);
  assert.deepEqual(buffer.take(events), []);
  assert.equal(buffer.size, 2);
  assert.deepEqual(buffer.release(), events);
  assert.equal(buffer.size, 0);
});

test("what is withdrawn goes at once, and nothing that waits brings it back", () => {
  const buffer = new PauseBuffer();
  buffer.isOn = true;
  buffer.take(/** @type {any[]} */ ([event("post.1", {}), event("post.2", {})]));
  const gone = /** @type {any} */ (event("post.1", {}, { kind: "post.withdrawn" }));
  const scrubbed = /** @type {any} */ (event("post.2", {}, { data: { scrubbed: true } }));
  assert.deepEqual(buffer.take([gone, scrubbed]), [gone, scrubbed]);
  assert.deepEqual(buffer.release(), []);
});

test("more than a page can hold makes it stale", () => {
  const buffer = new PauseBuffer();
  buffer.isOn = true;
  for (let number = 0; number <= PauseBuffer.MAX_EVENTS; number += 1) buffer.take(/** @type {any[]} */ ([event(`post.${number}`, {})]));
  assert.ok(buffer.isStale);
  assert.equal(buffer.release().length, PauseBuffer.MAX_EVENTS);
});
