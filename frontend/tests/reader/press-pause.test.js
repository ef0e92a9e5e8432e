import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browse } from "../browser.js";

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

test("the key p does the same, unless a text is being written or another key is meant", () => {
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
