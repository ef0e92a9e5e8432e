import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { browse, settled } from "../browser.js";
import { event } from "../samples.js";
import { PageRecorder, StatusRecorder } from "./recorders.js";
import { socketOnly, TestSocket } from "./test-socket.js";

/** @type {any} */
let session;
/** @type {PageRecorder} */
let page;
/** @type {StatusRecorder} */
let status;

const post = (/** @type {number} */ id, /** @type {string} */ position, rest = {}) => event(`post.${id}`, {}, { position, ...rest });

beforeEach(async () => {
  browse("<main></main>");
  const { Session } = await import("../../static/js/live/session.js");
  const { Cursor } = await import("../../static/js/live/cursor.js");
  TestSocket.opened = [];
  [page, status] = [new PageRecorder(), new StatusRecorder()];
  const tickets = { current: "", age: Infinity, renew: async () => "" };
  const parts = [await socketOnly({ next: () => 0 }), new Cursor("e-1"), page, tickets, status];
  session = new Session(.../** @type {[any, any, any, any, any]} */ (parts));
  session.start();
  await TestSocket.last.greets();
});

afterEach(() => session.stop());

test("paused, the page stands still and the cursor goes on; then what was held is shown in order", async () => {
  session.pause();
  await TestSocket.last.says(post(1, "e-2"), post(2, "e-3"));
  assert.deepEqual([page.keys, status.waits.at(-1), status.isPaused], [[], 2, true]);
  await TestSocket.last.cuts(4012);
  await TestSocket.last.greets();
  assert.equal(TestSocket.last.asked("subscribe")[0].since, "e-3");
  await TestSocket.last.says(post(3, "e-4"));
  session.resume();
  await settled();
  assert.deepEqual([page.keys, status.waits.at(-1), status.isPaused], [["post.1", "post.2", "post.3"], 0, false]);
});

test("topics of what was held are followed from where it was held", async () => {
  session.pause();
  await TestSocket.last.says(post(1, "e-7"), post(2, "e-9"));
  page.named.add("book.7");
  session.resume();
  await settled();
  assert.deepEqual(TestSocket.last.asked("subscribe").at(-1), { type: "subscribe", topics: ["book.7"], since: "e-7" });
});

test("paused, a withdrawal still goes through", async () => {
  session.pause();
  await TestSocket.last.says(post(1, "e-2"), post(1, "e-3", { kind: "post.withdrawn" }));
  assert.deepEqual(page.keys, ["post.1"]);
  assert.equal(status.waits.at(-1), 0);
});

test("what was held and cannot be shown costs a fresh page, as often as it takes", async () => {
  session.pause();
  await TestSocket.last.says(event("broken", {}, { position: "e-2" }));
  page.failures = 1;
  session.resume();
  await settled();
  assert.equal(page.refreshed, 0);
  await TestSocket.last.greets();
  assert.equal(page.refreshed, 1);
});

for (const [what, frame] of /** @type {const} */ ([
  ["an event out of order", post(1, "e-4")],
  ["an event of another log", post(1, "f-9")],
  ["a heartbeat of another log", { type: "heartbeat", position: "f-9" }],
])) {
  test(`after ${what} the page is read anew and followed from there`, async () => {
    await TestSocket.last.says(post(2, "e-5"));
    await TestSocket.last.says(frame, post(3, "e-60"));
    assert.deepEqual([page.refreshed, page.keys], [1, ["post.2"]]);
    assert.equal(TestSocket.opened.length, 2);
    await TestSocket.last.greets();
    assert.equal(TestSocket.last.asked("subscribe")[0].since, "e-50");
    assert.equal(status.states.at(-1), "live");
  });
}

test("it says which page is read, of those that everyone may read, and shows how many do", async () => {
  assert.deepEqual(TestSocket.last.asked("here"), [{ type: "here", topic: "front", state: "viewing" }]);
  await TestSocket.last.says({ type: "presence", topic: "front", readers: 214 }, { type: "presence", topic: "post.1", readers: 2 });
  assert.equal(status.counts.at(-1), 214);
  await TestSocket.last.cuts(1006);
  assert.equal(status.counts.at(-1), undefined);
});

test("a server that does not count readers is not asked again, and nothing breaks", async () => {
  await TestSocket.last.says({ type: "error", code: "bad-topic", detail: "no" }, post(1, "e-2"));
  assert.equal(TestSocket.opened.length, 1);
  assert.deepEqual(page.keys, ["post.1"]);
});
