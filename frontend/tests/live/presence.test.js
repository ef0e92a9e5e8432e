import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Presence } from "../../static/js/live/presence.js";
import { browse, look } from "../browser.js";
import { StatusRecorder } from "./recorders.js";

/** @type {string[]} */
let sent;
/** @type {StatusRecorder} */
let status;

/** @param {string[]} topics */
function begin(topics) {
  browse("<main></main>");
  [sent, status] = [[], new StatusRecorder()];
  const send = (/** @type {any} */ frame) => sent.push(`${frame.topic} ${frame.state}`);
  const presence = new Presence({ topics: () => new Set(topics) }, send, status);
  presence.start();
  return presence;
}

/** A page for writers, as Presence sees it. */
class TestSource {
  places = ["post.7", "desk"];
  /** @type {"viewing" | "typing" | "unsaved"} */
  activity = "viewing";
  /** @type {string[][]} */
  shown = [];
  starts = 0;
  stops = 0;

  /** @param {{name: string}[]} people */
  show(people) {
    this.shown.push(people.map(({ name }) => name));
  }

  start() {
    this.starts += 1;
  }

  stop() {
    this.stops += 1;
  }
}

beforeEach((context) => {
  /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

test("a reader is where the page says, every 10 s, as long as the page is visible", ({ mock }) => {
  const presence = begin(["site", "post.7"]);
  mock.timers.tick(10_000);
  assert.deepEqual(sent, ["post.7 viewing", "post.7 viewing"]);
  look("hidden");
  mock.timers.tick(30_000);
  assert.equal(sent.length, 2);
  presence.leave();
  assert.equal(sent.at(-1), "post.7 gone");
});

test("a source that comes after the connection takes the page's own place at once", ({ mock }) => {
  const presence = begin(["site", "post.7"]);
  const source = new TestSource();
  sent.splice(0);
  presence.use(source);
  assert.deepEqual([sent.splice(0), source.starts], [["post.7 viewing", "desk viewing"], 1]);
  mock.timers.tick(10_000);
  assert.deepEqual(sent, ["post.7 viewing", "desk viewing"]);
});

test("a source that comes before the connection waits for it", () => {
  const presence = begin(["site"]);
  presence.stop();
  const source = new TestSource();
  presence.use(source);
  assert.deepEqual([sent, source.starts], [[], 0]);
  presence.start();
  assert.deepEqual(sent, ["post.7 viewing", "desk viewing"]);
});

test("a source shows the others, and with a lost connection stops and shows none", () => {
  const presence = begin(["site"]);
  const source = new TestSource();
  presence.use(source);
  const people = /** @type {any[]} */ ([{ name: "ada", state: "viewing" }, { name: "mina", state: "unsaved" }]);
  presence.update({ type: "presence", topic: "post.7", readers: 2, people }, "ada");
  presence.update({ type: "presence", topic: "desk", readers: 9, people }, "ada");
  const stops = source.stops;
  presence.lost();
  assert.deepEqual([source.shown, source.stops - stops], [[["mina"], []], 1]);
});
