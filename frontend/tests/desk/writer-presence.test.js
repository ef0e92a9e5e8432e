import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { WriterPresence } from "../../static/js/desk/writer-presence.js";
import { Presence } from "../../static/js/live/presence.js";
import { browse, define, look } from "../browser.js";
import { StatusRecorder } from "../live/recorders.js";

/** @type {any[]} */
let sent;
/** @type {StatusRecorder} */
let status;
/** @type {Presence} */
let presence;
/** @type {TestWorker[]} */
let workers;

class TestWorker {
  onmessage = () => {};
  isRunning = true;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
    workers.push(this);
  }

  terminate() {
    this.isRunning = false;
  }
}

async function open() {
  const window = browse(FORM);
  for (const [name, key] of [["press-people", "PressPeople"], ["press-composer", "PressComposer"]]) {
    const module = await import(`../../static/js/desk/${name}.js?window=${Math.random()}`);
    window.customElements.define(name, module[key]);
  }
  [sent, status] = [[], new StatusRecorder()];
  const send = (/** @type {any} */ frame) => sent.push(`${frame.topic} ${frame.state}`);
  presence = new Presence({ topics: () => new Set(["site"]) }, send, status);
  presence.use(new WriterPresence());
  presence.start();
}

const FORM = `<press-people empty places="post.7 desk" data-word-unsaved="{name} is editing this (unsaved)"><ul></ul></press-people>
  <press-composer data-timer-worker="/timer.js"><form><input name="title" value="Pier"><button></button></form></press-composer>`;

function write(/** @type {string} */ text) {
  const field = /** @type {any} */ (document.querySelector("input"));
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

beforeEach((context) => {
  workers = [];
  define("Worker", TestWorker);
  /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000_000 });
});

test("typing is reported at once, and an unsaved text behind other tabs, too", async ({ mock }) => {
  await open();
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

test("a text that is saved, or as it was, is not reported as unsaved", async ({ mock }) => {
  await open();
  write("Pier!");
  write("Pier");
  assert.equal(sent.at(-1), "desk viewing");
  write("Pier!");
  document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  assert.equal(sent.at(-1), "desk viewing");
  mock.timers.tick(10_000);
  assert.equal(sent.at(-1), "desk viewing");
});

test("other people are listed, the reader is not; without a connection the list is empty", async () => {
  await open();
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

test("a worker renews the lease behind other tabs, and ends with the connection", async () => {
  await open();
  write("Pier!");
  look("hidden");
  sent.splice(0);
  assert.equal(workers.at(-1)?.url, "/timer.js");
  workers.at(-1)?.onmessage();
  assert.deepEqual(sent, ["post.7 typing", "desk typing"]);
  presence.lost();
  assert.deepEqual(workers.filter(({ isRunning }) => isRunning), []); // prettier-ignore
});
