import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browse, define } from "../browser.js";
import { StatusRecorder } from "./recorders.js";

/** @type {any[]} */
let sent;
/** @type {StatusRecorder} */
let status;
/** @type {any} */
let presence;

/** @param {string} html */
async function page(html, topics = ["site"]) {
  const window = browse(html);
  for (const [name, file, key] of [["press-people", "desk/press-people", "PressPeople"], ["press-composer", "desk/press-composer", "PressComposer"]]) {
    const module = await import(`../../static/js/${file}.js?window=${Math.random()}`);
    window.customElements.define(name, module[key]);
  }
  const { Presence } = await import("../../static/js/live/presence.js");
  [sent, status] = [[], new StatusRecorder()];
  presence = new Presence({ topics: () => new Set(topics) }, (/** @type {any} */ frame) => sent.push(`${frame.topic} ${frame.state}`), status);
  presence.start();
}

const FORM = `<press-people empty places="post.7 desk" data-word-unsaved="{name} is editing this (unsaved)"><ul></ul></press-people>
  <press-composer><form><input name="title" value="Pier"><button></button></form></press-composer>`;

function look(/** @type {string} */ state) {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

function write(/** @type {string} */ text) {
  const field = /** @type {any} */ (document.querySelector("input"));
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

beforeEach((context) => {
  define("Worker", class {
    terminate() {}
  }); // prettier-ignore
  /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000_000 });
});

test("who reads is where the page says, every 10 s, as long as it is seen", async ({ mock }) => {
  await page("<main></main>", ["site", "post.7"]);
  mock.timers.tick(10_000);
  assert.deepEqual(sent, ["post.7 viewing", "post.7 viewing"]);
  look("hidden");
  mock.timers.tick(30_000);
  assert.equal(sent.length, 2);
  presence.leave();
  assert.equal(sent.at(-1), "post.7 gone");
});

test("who writes says so at once, and that it is not saved, behind other tabs too", async ({ mock }) => {
  await page(FORM);
  assert.deepEqual(sent.splice(0), ["post.7 viewing", "desk viewing"]);
  write("Pie");
  write("Pier!");
  assert.deepEqual(sent.splice(0), ["post.7 typing", "desk typing"]);
  mock.timers.tick(5_000);
  assert.deepEqual(sent.splice(0), ["post.7 unsaved", "desk unsaved"]);
  look("hidden");
  mock.timers.tick(5_000);
  assert.deepEqual(sent.splice(0), ["post.7 unsaved", "desk unsaved"]);
  mock.timers.tick(1_800_000);
  sent.splice(0);
  mock.timers.tick(20_000);
  assert.deepEqual(sent, []);
});

test("what is saved, or as it was, is not unsaved", async ({ mock }) => {
  await page(FORM);
  write("Pier!");
  write("Pier");
  assert.equal(sent.at(-1), "desk viewing");
  write("Pier!");
  document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  assert.equal(sent.at(-1), "desk viewing");
  mock.timers.tick(10_000);
  assert.equal(sent.at(-1), "desk viewing");
});

test("others are named, oneself is not; nobody is named while nobody knows", async () => {
  await page(FORM);
  const people = [{ name: "ada", state: "viewing" }, { name: "mina", state: "unsaved" }];
  assert.equal(presence.update({ topic: "post.7", readers: 4, people }, "ada"), 4);
  assert.equal(status.counts.at(-1), 4);
  const words = () => document.querySelector("press-people")?.textContent?.trim();
  assert.equal(words(), "mina is editing this (unsaved)");
  presence.update({ topic: "desk", readers: 9, people: [] }, "ada");
  assert.equal(words(), "mina is editing this (unsaved)");
  assert.equal(status.counts.at(-1), 4);
  presence.lost();
  assert.equal(words(), "");
});
