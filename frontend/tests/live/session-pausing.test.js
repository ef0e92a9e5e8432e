import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { browse, settled } from "../browser.js";
import { event } from "../samples.js";
import { openSession } from "./open-session.js";
import { PageRecorder, StatusRecorder } from "./recorders.js";
import { TestSocket } from "./test-socket.js";

/** @type {any} */
let session;
/** @type {PageRecorder} */
let page;
/** @type {StatusRecorder} */
let status;

const post = (/** @type {number} */ id, /** @type {string} */ position, rest = {}) => event(`post.${id}`, {}, { position, ...rest });

beforeEach(async () => {
  browse("<main></main>");
  TestSocket.opened = [];
  [page, status] = [new PageRecorder(), new StatusRecorder()];
  session = await openSession({ page, status });
  session.start();
  await TestSocket.last.greets();
});

afterEach(() => session.stop());

test("paused, the page stands still and the cursor goes on; then held events are applied in order", async () => {
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

test("topics of held events are followed from the first of their positions", async () => {
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

test("held events that cannot be applied cost a fresh page, as often as it takes", async () => {
  session.pause();
  await TestSocket.last.says(event("broken", {}, { position: "e-2" }));
  page.failures = 1;
  session.resume();
  await settled();
  assert.equal(page.refreshed, 0);
  await TestSocket.last.greets();
  assert.equal(page.refreshed, 1);
});
