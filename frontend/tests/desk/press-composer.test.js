import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browse } from "../browser.js";

/** @param {string} html */
async function page(html) {
  const window = browse(html);
  // a class extends the HTMLElement of its own window, so each test's window needs its own
  const { PressComposer } = await import(`../../static/js/desk/press-composer.js?window=${Math.random()}`);
  window.customElements.define("press-composer", PressComposer);
  return window;
}

beforeEach((context) => /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout"] }));

const FORM = `<press-composer><form><textarea></textarea><button name="action" value="publish">Publish</button>
  <button name="action" value="draft">Draft</button></form></press-composer>`;

/** Counts what would have been sent. */
function watch() {
  /** @type {string[]} */
  const sent = [];
  const form = /** @type {any} */ (document.querySelector("form"));
  document.addEventListener("submit", (/** @type {any} */ event) => {
    if (!event.defaultPrevented) sent.push(`${event.submitter?.value}: ${form.querySelector("textarea").value}`);
    event.preventDefault();
  });
  return sent;
}

/** @param {object} [more] */
function shortcut(more = {}) {
  const event = new KeyboardEvent("keydown", { key: "Enter", code: "Enter", ctrlKey: true, bubbles: true, cancelable: true, ...more });
  document.querySelector("textarea")?.dispatchEvent(event);
}

test("the shortcut presses the first button; plain Enter is a line", async () => {
  await page(FORM);
  const sent = watch();
  shortcut({ ctrlKey: false });
  assert.deepEqual(sent, []);
  shortcut();
  assert.deepEqual(sent, ["publish: "]);
});

test("pressed while a syllable is being composed, it is sent once, with the syllable", async ({ mock }) => {
  await page(FORM);
  const sent = watch();
  const text = /** @type {any} */ (document.querySelector("textarea"));
  text.focus();
  // as browsers do: leaving the field ends the composition, which then writes the syllable
  text.addEventListener("blur", () => {
    text.dispatchEvent(new CompositionEvent("compositionend", { data: "다", bubbles: true }));
    text.value = "보냅니다";
  });
  text.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
  text.value = "보냅니";
  shortcut({ key: "Process", isComposing: true });
  shortcut({ key: "Enter" }); // WebKit tells of the key again after the composition
  mock.timers.tick(1);
  assert.deepEqual(sent.slice(0, 1), ["publish: 보냅니다"]);
  mock.timers.tick(1_000);
  assert.equal(sent.length, 1);
});
