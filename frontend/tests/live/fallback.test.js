import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Backoff } from "../../static/js/live/backoff.js";
import { TransportUpgrade } from "../../static/js/live/upgrade.js";
import { Connection } from "../../static/js/live/connection.js";
import { TransportFallback } from "../../static/js/live/fallback.js";
import { browse } from "../browser.js";
import { tabStorage } from "./test-socket.js";

/** A way to the server whose other end is the test. */
class TestTransport {
  /** @type {TestTransport[]} */
  static opened = [];

  proof = "welcome";
  onFrame = (/** @type {any} */ _) => {};
  onClose = (/** @type {number} */ _, /** @type {number} */ __ = 0) => {};
  isClosed = false;
  /** @type {any[]} */
  sent = [];

  /**
   * @param {string} name
   * @param {number} timeout
   */
  constructor(name, timeout) {
    this.name = name;
    this.timeout = timeout;
  }

  static get last() {
    return /** @type {TestTransport} */ (TestTransport.opened.at(-1));
  }

  open() {
    TestTransport.opened.push(this);
  }

  send(/** @type {any} */ frame) {
    this.sent.push(frame);
  }

  close() {
    this.isClosed = true;
  }

  works() {
    this.onFrame({ type: "welcome", protocol: 1, epoch: "e", heartbeat: 25 });
  }
}

/** @type {Connection} */
let connection;
/** @type {number[]} */
let lost;
const tab = { ...tabStorage() };
const names = () => TestTransport.opened.map(({ name }) => name);

function connect(kept = tabStorage()) {
  const ways = ["socket", "stream", "poll"].map((name) => () => new TestTransport(name, 2_000));
  connection = new Connection(new TransportFallback(/** @type {any} */ (ways), kept), new Backoff(() => 0.5));
  lost = [];
  connection.start({ onFrame: () => {}, onLost: (code) => lost.push(code), onRefused: (code) => lost.push(code) });
  return kept;
}

beforeEach((context) => {
  browse("<main></main>");
  TestTransport.opened = [];
  /** @type {any} */ (context).mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
});

afterEach(() => connection.stop());

test("a socket that is blocked makes way for the stream at once, and the stream for the poll", ({ mock }) => {
  connect(tab);
  TestTransport.last.onClose(1006);
  mock.timers.tick(1);
  assert.deepEqual(names(), ["socket", "stream"]);
  TestTransport.last.onClose(1006);
  mock.timers.tick(1);
  assert.deepEqual(names(), ["socket", "stream", "poll"]);
  TestTransport.last.works();
  assert.ok(connection.isDelayed);
});

test("silence where there should be a first word counts as blocked: live within 5 s through the worst of proxies", ({ mock }) => {
  connect();
  mock.timers.tick(2_001);
  mock.timers.tick(2_001);
  assert.deepEqual(names(), ["socket", "stream", "poll"]);
  assert.ok(TestTransport.opened.slice(0, 2).every(({ isClosed }) => isClosed));
});

test("below the last way it waits, and starts at the top again", ({ mock }) => {
  connect();
  for (let way = 0; way < 3; way += 1) {
    TestTransport.last.onClose(1006);
    mock.timers.tick(way < 2 ? 1 : 499);
  }
  assert.equal(names().length, 3);
  mock.timers.tick(1_000);
  assert.deepEqual(names(), ["socket", "stream", "poll", "socket"]);
});

test("a socket that worked has a second chance before it counts as blocked", ({ mock }) => {
  connect();
  TestTransport.last.works();
  TestTransport.last.onClose(1006);
  mock.timers.tick(1_000);
  TestTransport.last.onClose(1006);
  mock.timers.tick(1_000);
  TestTransport.last.onClose(1006);
  mock.timers.tick(1);
  assert.deepEqual(names(), ["socket", "socket", "socket", "stream"]);
});

test("a connection that worked and was cut comes back the same way", ({ mock }) => {
  connect();
  for (let cut = 0; cut < 3; cut += 1) {
    TestTransport.last.works();
    mock.timers.tick(30_000);
    TestTransport.last.onClose(1006);
    mock.timers.tick(501);
  }
  assert.deepEqual(new Set(names()), new Set(["socket"]));
});

test("a server that says why it closes is not blocked; where there was no room it waits longer", ({ mock }) => {
  connect();
  TestTransport.last.onClose(4013);
  mock.timers.tick(14_999);
  assert.deepEqual(names(), ["socket"]);
  mock.timers.tick(1);
  assert.deepEqual(names(), ["socket", "socket"]);
});

test("Retry-After is kept to, also by a page that is shown again", ({ mock }) => {
  connect();
  TestTransport.last.onClose(4013, 7_000);
  document.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(6_999);
  assert.equal(names().length, 1);
  mock.timers.tick(1);
  assert.equal(names().length, 2);
});

test("every minute the socket is tried again beside the way in use, and taken when it opens", ({ mock }) => {
  connect();
  TestTransport.last.onClose(1006);
  mock.timers.tick(1);
  const stream = TestTransport.last;
  stream.works();
  mock.timers.tick(30_000);
  stream.works();
  mock.timers.tick(30_000);
  assert.deepEqual(names(), ["socket", "stream", "socket"]);
  TestTransport.last.onClose(1006);
  assert.ok(!stream.isClosed);
  for (let half = 0; half < 2; half += 1) {
    stream.works();
    mock.timers.tick(30_000);
  }
  assert.equal(names().length, 4);
  TestTransport.last.works();
  assert.ok(stream.isClosed);
  connection.send({ type: "ping" });
  assert.deepEqual(TestTransport.last.sent, [{ type: "ping" }]);
  mock.timers.tick(TransportUpgrade.INTERVAL_MS - 30_000);
  assert.equal(names().length, 4);
});

test("the next page of the tab begins with the way that worked, for a minute", ({ mock }) => {
  const kept = connect();
  TestTransport.last.onClose(1006);
  mock.timers.tick(1);
  TestTransport.last.works();
  connection.stop();
  connect(kept);
  assert.equal(TestTransport.last.name, "stream");
  connection.stop();
  mock.timers.tick(TransportFallback.REMEMBERED_MS + 1);
  connect(kept);
  assert.equal(TestTransport.last.name, "socket");
});

test("a connection that lives for a moment only is no success: the waits go on growing", ({ mock }) => {
  connect();
  const waits = [500, 1_000, 2_000];
  for (const wait of waits) {
    TestTransport.last.works();
    connection.settled();
    const before = names().length;
    TestTransport.last.onClose(4008);
    mock.timers.tick(wait - 1);
    assert.equal(names().length, before);
    mock.timers.tick(1);
    assert.equal(names().length, before + 1);
  }
});

test("after a short sleep it asks, and after a long one it comes back at once", ({ mock }) => {
  connect();
  TestTransport.last.works();
  mock.timers.setTime(1_000_000 + 15_000);
  mock.timers.tick(2_000);
  assert.deepEqual(TestTransport.last.sent, [{ type: "ping" }]);
  TestTransport.last.works();
  mock.timers.setTime(1_000_000 + 900_000);
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(names().length, 2);
});

test("a network that says it is gone is asked, and given up when nothing answers", ({ mock }) => {
  connect();
  TestTransport.last.works();
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(TestTransport.last.sent, [{ type: "ping" }]);
  mock.timers.tick(3_000);
  assert.deepEqual(lost, [0]);
});
