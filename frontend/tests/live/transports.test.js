import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { browse, look, settled } from "../browser.js";
import { event } from "../samples.js";
import { ServedRequest, block } from "./served-request.js";

/** @type {any} */
let transport;
/** @type {any[]} */
let heard;
/** @type {[number, number | undefined][]} */
let closed;

const types = () => heard.map(({ type }) => type);
const post = (/** @type {number} */ id, /** @type {string} */ position, /** @type {string[]} */ topics = ["front"]) =>
  event(`post.${id}`, {}, { position, topics });

/** @param {"stream" | "poll"} name */
async function open(name) {
  const module = await import(`../../static/js/live/${name}.js`);
  transport = new (module.Stream ?? module.Poll)();
  if (module.Poll) module.Poll.MIN_INTERVAL_MS = 0;
  transport.onFrame = (/** @type {any} */ frame) => heard.push(frame);
  transport.onClose = (/** @type {number} */ code, /** @type {number} */ wait) => closed.push([code, wait]);
  transport.open();
  await settled();
  transport.send({ type: "hello", format: "html", language: "ko", ticket: "secret" });
  transport.send({ type: "subscribe", topics: ["site", "front"], since: "e-5" });
  heard.splice(0);
}

beforeEach(() => {
  browse("<main></main>");
  ServedRequest.listen();
  [heard, closed] = [[], []];
});

afterEach(() => transport.close());

for (const name of /** @type {const} */ (["stream", "poll"])) {
  test(`a ${name} greets in the server's place, and asks for topics from the cursor`, async () => {
    await open(name);
    assert.equal(ServedRequest.last.url.pathname, name === "stream" ? "/live/stream" : "/live/log");
    assert.deepEqual(ServedRequest.last.topics, ["site", "front"]);
    assert.equal(ServedRequest.last.says("since"), "e-5");
    assert.equal(ServedRequest.last.says("format"), "html");
    assert.equal(ServedRequest.last.says("language"), "ko");
    assert.doesNotMatch(ServedRequest.last.url.href, /secret/);
  });

  test(`a ${name} that is told to wait says for how long; one that breaks says nothing`, async () => {
    await open(name);
    await ServedRequest.last.refuses(503, { "Retry-After": "7" });
    assert.deepEqual(closed, [[4013, 7_000]]);
    await open(name);
    await ServedRequest.last.refuses(502);
    await open(name);
    await ServedRequest.last.breaks();
    assert.deepEqual(closed.slice(1), [[1006, undefined], [1006, undefined]]); // prettier-ignore
  });

  test(`a ${name} leaves out the topic that is refused`, async () => {
    await open(name);
    transport.send({ type: "subscribe", topics: ["desk"], since: "e-5" });
    await ServedRequest.last.refuses(403);
    const alone = ServedRequest.all.slice(-3);
    assert.deepEqual(alone.map(({ topics }) => topics), [["site"], ["front"], ["desk"]]); // prettier-ignore
    for (const asked of alone) await (asked.topics[0] === "desk" ? asked.refuses(403) : asked.gives({}));
    assert.deepEqual(heard, [{ type: "unsubscribed", topics: ["desk"], code: "forbidden" }]);
    assert.deepEqual(ServedRequest.last.topics, ["site", "front"]);
  });

  test(`a closed ${name} hangs up and tells nothing`, async () => {
    await open(name);
    transport.close();
    await settled();
    assert.ok(ServedRequest.last.signal.aborted);
    assert.deepEqual([heard, closed], [[], []]);
  });
}

test("a stream stands where its first block says, then brings events, wherever the network cuts its text", async () => {
  await open("stream");
  const text = `: hello\n\nid: e-5\n\n${block(post(1, "e-7"))}id: e-9\r\n\r\n`;
  for (const half of [text.slice(0, 31), text.slice(31, 90), text.slice(90)]) await ServedRequest.last.streams(half);
  assert.deepEqual(types(), ["subscribed", "heartbeat", "event", "heartbeat"]);
  assert.deepEqual(heard.map(({ position }) => position), ["e-5", "e-5", "e-7", "e-9"]); // prettier-ignore
});

test("topics that come later are asked for from where they were named, and nothing is told twice", async () => {
  await open("stream");
  await ServedRequest.last.streams(`id: e-5\n\n${block(post(1, "e-7"))}${block(post(2, "e-8"))}`);
  transport.send({ type: "subscribe", topics: ["book.7"], since: "e-6" });
  assert.deepEqual([ServedRequest.last.says("since"), ServedRequest.last.topics], ["e-6", ["site", "front", "book.7"]]);
  heard.splice(0);
  const [had, both, own] = [post(1, "e-7"), post(2, "e-8", ["front", "book.7"]), post(3, "e-8", ["book.7"])];
  await ServedRequest.last.streams(`id: e-6\n\n${[had, both, own, post(4, "e-9")].map(block).join("")}`);
  assert.deepEqual(heard.filter(({ key }) => key).map(({ key }) => key), ["post.3", "post.4"]); // prettier-ignore
});

test("a stream that ends is lost; a reset and a farewell in it are told", async () => {
  await open("stream");
  const reset = { type: "reset", topics: ["front"], position: "f-2", missed: null, reason: "epoch" };
  await ServedRequest.last.streams(`id: e-5\n\n${block(reset)}event: leaving\ndata: {"reconnect_in":[0,8000]}\n\n`);
  assert.deepEqual(types().slice(2), ["reset", "leaving"]);
  await ServedRequest.last.ends();
  assert.deepEqual(closed, [[1006, undefined]]);
});

test("asked for a sign of life, a stream is opened again from where it stands", async () => {
  await open("stream");
  await ServedRequest.last.streams(`id: e-5\n\n${block(post(1, "e-7"))}`);
  transport.send({ type: "ping" });
  assert.equal(ServedRequest.last.says("since"), "e-7");
  await ServedRequest.last.streams("id: e-7\n\n");
  assert.equal(types().at(-2), "pong");
});

test("a poll asks what is new, then lets the server wait with its answer", async () => {
  await open("poll");
  assert.equal(ServedRequest.last.says("wait"), "0");
  await ServedRequest.last.gives({ position: "e-7", missed: 1, events: [post(1, "e-7")] });
  assert.deepEqual(types(), ["subscribed", "event", "heartbeat"]);
  assert.equal(heard[0].position, "e-5");
  assert.deepEqual([ServedRequest.last.says("wait"), ServedRequest.last.says("since")], ["25", "e-7"]);
});

test("a page of a long answer is followed by the next one at once", async () => {
  await open("poll");
  await ServedRequest.last.gives({ position: "e-7", more: true });
  assert.deepEqual([ServedRequest.last.says("wait"), ServedRequest.last.says("since")], ["0", "e-7"]);
});

test("where answers may not take that long, the server is asked for quicker ones", async () => {
  await open("poll");
  await ServedRequest.last.gives({ position: "e-7" });
  await ServedRequest.last.breaks();
  assert.equal(ServedRequest.last.says("wait"), "0");
  await ServedRequest.last.gives({ position: "e-7" });
  assert.equal(ServedRequest.last.says("wait"), "12");
  await ServedRequest.last.breaks();
  assert.deepEqual(closed, []);
  await ServedRequest.last.breaks();
  assert.deepEqual(closed, [[1006, undefined]]);
});

test("a poll that cannot catch up is a reset", async () => {
  await open("poll");
  await ServedRequest.last.gives({ position: "f-9", recovered: false, reason: "epoch", missed: null });
  assert.deepEqual(types(), ["subscribed", "reset"]);
  assert.equal(heard[1].position, "f-9");
});

test("a hidden page holds no connection: it looks from time to time, and lives again when it is shown", async () => {
  await open("stream");
  await ServedRequest.last.streams("id: e-5\n\n");
  const stream = ServedRequest.last;
  look("hidden");
  assert.ok(stream.signal.aborted);
  assert.deepEqual([ServedRequest.last.url.pathname, ServedRequest.last.says("wait")], ["/live/log", "0"]);
  heard.splice(0);
  await ServedRequest.last.gives({ position: "e-7", missed: 1, events: [post(1, "e-7")] });
  assert.deepEqual(types(), ["event", "heartbeat"]);
  look("visible");
  assert.deepEqual([ServedRequest.last.url.pathname, ServedRequest.last.says("since")], ["/live/stream", "e-7"]);
  assert.deepEqual(closed, []);
});
