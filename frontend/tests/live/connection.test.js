import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { browse } from "../browser.js";
import { socketOnly, TestSocket, welcome } from "./test-socket.js";

/** @type {any} */
let connection;

afterEach(() => connection.stop());

/** @param {number[]} waits */
async function connect(waits = [500, 1500]) {
  connection = await socketOnly({ next: () => waits.shift() ?? 1 });
  /** @type {number[]} */
  const lost = [];
  const listener = { onFrame: () => {}, onLost: (/** @type {number} */ code) => lost.push(code), onRefused: () => {} };
  connection.start(listener);
  return { lost };
}

beforeEach((context) => {
  browse("<main></main>");
  TestSocket.opened = [];
  /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

/** @param {object} frame */
const hears = (frame) => TestSocket.last.onmessage({ data: JSON.stringify(frame) });

test("silence longer than the heartbeat is asked about, and a dead socket given up after 3 s", async ({ mock }) => {
  const { lost } = await connect([0]);
  hears({ ...welcome, heartbeat: 10 });
  mock.timers.tick(14_000);
  assert.deepEqual(TestSocket.last.sent, [{ type: "ping" }]);
  mock.timers.tick(3_000);
  assert.deepEqual(lost, [0]);
  mock.timers.tick(1);
  assert.equal(TestSocket.opened.length, 2);
});

test("any frame is a sign of life", async ({ mock }) => {
  const { lost } = await connect();
  hears({ ...welcome, heartbeat: 10 });
  mock.timers.tick(14_000);
  hears({ type: "pong", position: "e-1" });
  mock.timers.tick(13_000);
  assert.deepEqual(lost, []);
});

test("a page that is shown again asks at once", async () => {
  await connect();
  hears(welcome);
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(TestSocket.last.sent, [{ type: "ping" }]);
});

test("a page that is online again does not wait for its turn", async () => {
  await connect([30_000]);
  TestSocket.last.onclose({ code: 1006 });
  window.dispatchEvent(new Event("online"));
  assert.equal(TestSocket.opened.length, 2);
});

test("a server that leaves says when to come back", async ({ mock }) => {
  await connect([0]);
  hears({ type: "leaving", reconnect_in: [5_000, 5_000] });
  TestSocket.last.onclose({ code: 4012 });
  mock.timers.tick(4_999);
  assert.equal(TestSocket.opened.length, 1);
  mock.timers.tick(1);
  assert.equal(TestSocket.opened.length, 2);
});

test("the late close of a socket that was given up does not end the one after it", async ({ mock }) => {
  const { lost } = await connect([0, 0]);
  const first = TestSocket.last;
  connection.restart();
  mock.timers.tick(1);
  first.onclose({ code: 1006 });
  mock.timers.tick(1);
  assert.deepEqual(lost, [0]);
  assert.equal(TestSocket.opened.length, 2);
});

test("a stopped connection stays stopped", async ({ mock }) => {
  const { lost } = await connect();
  const first = TestSocket.last;
  connection.stop();
  first.onclose({ code: 1006 });
  mock.timers.tick(60_000);
  assert.deepEqual(lost, []);
  assert.equal(TestSocket.opened.length, 1);
});
