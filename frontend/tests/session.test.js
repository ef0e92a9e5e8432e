import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { browse, settled } from "./browser.js";
import { event } from "./newsroom.js";
import { Recorder } from "./recorder.js";
import { socketOnly, Wire, welcome } from "./wire.js";

/** @type {any} */
let session;
/** @type {string[]} */
let states;
/** @type {Recorder} */
let page;
/** @type {{current: string, renewed: number, renew: () => Promise<string>}} */
let tickets;

async function begin(position = "e-1", ticket = "") {
  const { Session } = await import("../static/js/session.js");
  const { Cursor } = await import("../static/js/cursor.js");
  const none = () => {};
  const status = { show: (/** @type {string} */ state) => states.push(state), updated: none, readers: none, waiting: none, paused: none };
  page = new Recorder();
  tickets = { current: ticket, renewed: 0, renew: async () => (tickets.current = `new-${(tickets.renewed += 1)}`) };
  const parts = [await socketOnly({ next: () => 0 }), new Cursor(position), page, tickets, status];
  session = new Session(.../** @type {[any, any, any, any, any]} */ (parts));
  session.start();
}

beforeEach(() => {
  browse("<main></main>");
  Wire.opened = [];
  states = [];
});

afterEach(() => session.stop());

test("it says hello, waits to be known, and subscribes from the page's position", async () => {
  await begin("e-7", "ticket");
  await Wire.last.says(welcome);
  assert.deepEqual(Wire.last.sent, [{ type: "hello", format: "html", language: "en", ticket: "ticket" }]);
  await Wire.last.says({ type: "hello", user: 7, name: "ada", expires: null });
  assert.deepEqual(Wire.last.asked("subscribe"), [{ type: "subscribe", topics: ["site", "front"], since: "e-7" }]);
});

test("it is live when all that was missed has been applied", async () => {
  await begin();
  await Wire.last.says(welcome);
  await Wire.last.says({ type: "hello", user: null, name: null, expires: null });
  const answer = { type: "subscribed", topics: ["site", "front"], refused: [], position: "e-1", recovered: true, missed: 2 };
  await Wire.last.says(answer, event("post.1", {}, { position: "e-2" }));
  assert.equal(states.at(-1), "catching-up");
  await Wire.last.says(event("post.2", {}, { position: "e-3" }));
  assert.equal(states.at(-1), "live");
  assert.deepEqual(page.keys, ["post.1", "post.2"]);
});

test("after a cut it comes back and resumes from the last event it applied", async () => {
  await begin();
  await Wire.last.greets();
  await Wire.last.says(event("post.1", {}, { position: "e-12" }), { type: "heartbeat", position: "e-15" });
  await Wire.last.cuts(4012);
  assert.equal(states.at(-1), "reconnecting");
  await Wire.last.greets();
  assert.equal(Wire.opened.length, 2);
  assert.equal(Wire.last.asked("subscribe")[0].since, "e-15");
  assert.equal(states.at(-1), "live");
});

test("topics that an event brought are followed from that event, and again if the answer was lost", async () => {
  await begin();
  await Wire.last.greets();
  page.named.add("book.7");
  await Wire.last.says(event("post.1", {}, { position: "e-12" }));
  assert.deepEqual(Wire.last.asked("subscribe").at(-1), { type: "subscribe", topics: ["book.7"], since: "e-12" });
  await Wire.last.says(event("post.2", {}, { position: "e-20" }));
  await Wire.last.cuts(1006);
  await Wire.last.says(welcome);
  await Wire.last.says({ type: "hello", user: null, name: null, expires: null });
  const asked = Wire.last.asked("subscribe");
  assert.deepEqual(asked, [{ type: "subscribe", topics: ["site", "front", "book.7"], since: "e-12" }]);
});

test("topics that nothing on the page names any more are let go", async () => {
  await begin();
  await Wire.last.greets();
  page.named.delete("front");
  await Wire.last.says(event("post.1", {}, { position: "e-2" }));
  assert.deepEqual(Wire.last.asked("unsubscribe"), [{ type: "unsubscribe", topics: ["front"] }]);
});

test("a refused topic is not asked for again on this connection", async () => {
  await begin();
  page.named.add("desk");
  await Wire.last.says(welcome);
  await Wire.last.says({ type: "hello", user: null, name: null, expires: null });
  const refused = [{ topic: "desk", code: "forbidden" }];
  await Wire.last.says({ type: "subscribed", topics: ["site", "front"], refused, position: "e-1", recovered: true, missed: 0 });
  await Wire.last.says(event("post.1", {}, { position: "e-2" }));
  assert.equal(Wire.last.asked("subscribe").length, 1);
});

test("a reset reads the page anew and stands where the reset says", async () => {
  await begin("old-3");
  await Wire.last.says(welcome);
  await Wire.last.says({ type: "hello", user: null, name: null, expires: null });
  const answer = { type: "subscribed", topics: ["site", "front"], refused: [], position: "e-40", recovered: false, missed: 0 };
  await Wire.last.says(answer, { type: "reset", topics: ["front"], position: "e-40", missed: null, reason: "epoch" });
  assert.equal(page.refreshed, 1);
  assert.equal(states.at(-1), "live");
  await Wire.last.cuts(4008);
  await Wire.last.greets();
  assert.equal(Wire.last.asked("subscribe")[0].since, "e-40");
});

test("an event that cannot be applied costs a fresh page, not the events after it", async () => {
  await begin();
  await Wire.last.greets();
  await Wire.last.says(event("broken", {}, { position: "e-2" }));
  await Wire.last.says(event("post.2", {}, { position: "e-3" }));
  assert.equal(page.refreshed, 1);
  assert.deepEqual(page.keys, ["post.2"]);
});

test("signed out, it comes back with a new ticket; a bad ticket is exchanged at once", async () => {
  await begin("e-1", "ticket");
  await Wire.last.greets();
  await Wire.last.cuts(4401);
  await Wire.last.says(welcome);
  assert.equal(Wire.last.asked("hello")[0].ticket, "new-1");
  await Wire.last.says({ type: "error", code: "bad-ticket", detail: "expired" });
  assert.equal(Wire.last.asked("hello")[1].ticket, "new-2");
});

test("a ticket is renewed before it ends, without subscribing twice", async () => {
  await begin("e-1", "ticket");
  await Wire.last.says(welcome);
  const soon = new Date(Date.now() + 60_005).toISOString();
  await Wire.last.says({ type: "hello", user: 7, name: "ada", expires: soon });
  await new Promise((done) => setTimeout(done, 20));
  await settled();
  assert.equal(Wire.last.asked("hello").at(-1).ticket, "new-1");
  await Wire.last.says({ type: "hello", user: 7, name: "ada", expires: null });
  assert.equal(Wire.last.asked("subscribe").length, 1);
});

test("told to stay away, it does", async () => {
  await begin();
  await Wire.last.greets();
  await Wire.last.cuts(4503);
  assert.equal(Wire.opened.length, 1);
  assert.equal(states.at(-1), "offline");
});

test("stopped for the way back, it starts again from its cursor", async () => {
  await begin();
  await Wire.last.greets();
  await Wire.last.says(event("post.1", {}, { position: "e-9" }));
  session.stop();
  session.start();
  await Wire.last.greets();
  assert.equal(Wire.last.asked("subscribe")[0].since, "e-9");
});
