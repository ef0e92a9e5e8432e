import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { browse, settled } from "../browser.js";
import { event } from "../samples.js";
import { openSession } from "./open-session.js";
import { PageRecorder, StatusRecorder } from "./recorders.js";
import { anonymous, TestSocket, welcome } from "./test-socket.js";

/** @type {any} */
let session;
/** @type {string[]} */
let states;
/** @type {PageRecorder} */
let page;
/** @type {StatusRecorder} */
let status;
/** @type {{current: string, age: number, renewed: number, next: string | undefined, renew: () => Promise<string>}} */
let tickets;

async function begin(position = "e-1", ticket = "") {
  [page, status] = [new PageRecorder(), new StatusRecorder()];
  states = status.states;
  const renew = async () => (tickets.current = tickets.next ?? `new-${(tickets.renewed += 1)}`);
  tickets = { current: ticket, age: Infinity, renewed: 0, next: undefined, renew };
  session = await openSession({ page, status, tickets, position });
  session.start();
}

beforeEach(() => {
  browse("<main></main>");
  TestSocket.opened = [];
});

afterEach(() => session.stop());

test("hello goes first, and the subscribe after its answer, from the page's position", async () => {
  await begin("e-7", "ticket");
  await TestSocket.last.says(welcome);
  assert.deepEqual(TestSocket.last.sent, [{ type: "hello", format: "html", language: "en", ticket: "ticket" }]);
  await TestSocket.last.says({ type: "hello", user: 7, name: "ada", expires: null });
  assert.deepEqual(TestSocket.last.asked("subscribe"), [{ type: "subscribe", topics: ["site", "front"], since: "e-7" }]);
});

test("it is live when all that was missed has been applied", async () => {
  await begin();
  await TestSocket.last.says(welcome);
  await TestSocket.last.says({ type: "hello", user: null, name: null, expires: null });
  const answer = { type: "subscribed", topics: ["site", "front"], refused: [], position: "e-1", recovered: true, missed: 2 };
  await TestSocket.last.says(answer, event("post.1", {}, { position: "e-2" }));
  assert.equal(states.at(-1), "catching-up");
  await TestSocket.last.says(event("post.2", {}, { position: "e-3" }));
  assert.equal(states.at(-1), "live");
  assert.deepEqual(page.keys, ["post.1", "post.2"]);
});

test("after a cut it comes back and resumes from the last event it applied", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.says(event("post.1", {}, { position: "e-12" }), { type: "heartbeat", position: "e-15" });
  await TestSocket.last.cuts(4012);
  assert.equal(states.at(-1), "reconnecting");
  await TestSocket.last.greets();
  assert.equal(TestSocket.opened.length, 2);
  assert.equal(TestSocket.last.asked("subscribe")[0].since, "e-15");
  assert.equal(states.at(-1), "live");
});

test("topics that an event brought are followed from that event, and again if the answer was lost", async () => {
  await begin();
  await TestSocket.last.greets();
  page.named.add("book.7");
  await TestSocket.last.says(event("post.1", {}, { position: "e-12" }));
  assert.deepEqual(TestSocket.last.asked("subscribe").at(-1), { type: "subscribe", topics: ["book.7"], since: "e-12" });
  await TestSocket.last.says(event("post.2", {}, { position: "e-20" }));
  await TestSocket.last.cuts(1006);
  await TestSocket.last.says(welcome);
  await TestSocket.last.says({ type: "hello", user: null, name: null, expires: null });
  const asked = TestSocket.last.asked("subscribe");
  assert.deepEqual(asked, [{ type: "subscribe", topics: ["site", "front", "book.7"], since: "e-12" }]);
});

test("topics that nothing on the page names any more are let go", async () => {
  await begin();
  await TestSocket.last.greets();
  page.named.delete("front");
  await TestSocket.last.says(event("post.1", {}, { position: "e-2" }));
  assert.deepEqual(TestSocket.last.asked("unsubscribe"), [{ type: "unsubscribe", topics: ["front"] }]);
});

test("a refused topic is not asked for again on this connection", async () => {
  await begin();
  page.named.add("desk");
  await TestSocket.last.says(welcome);
  await TestSocket.last.says({ type: "hello", user: null, name: null, expires: null });
  const refused = [{ topic: "desk", code: "forbidden" }];
  await TestSocket.last.says({ type: "subscribed", topics: ["site", "front"], refused, position: "e-1", recovered: true, missed: 0 });
  await TestSocket.last.says(event("post.1", {}, { position: "e-2" }));
  assert.equal(TestSocket.last.asked("subscribe").length, 1);
});

test("a reset reads the page anew and stands where the reset says", async () => {
  await begin("old-3");
  await TestSocket.last.says(welcome);
  await TestSocket.last.says({ type: "hello", user: null, name: null, expires: null });
  const answer = { type: "subscribed", topics: ["site", "front"], refused: [], position: "e-40", recovered: false, missed: 0 };
  await TestSocket.last.says(answer, { type: "reset", topics: ["front"], position: "e-40", missed: null, reason: "epoch" });
  assert.equal(page.refreshed, 1);
  assert.equal(states.at(-1), "live");
  await TestSocket.last.cuts(4008);
  await TestSocket.last.greets();
  assert.equal(TestSocket.last.asked("subscribe")[0].since, "e-40");
});

test("an event that cannot be applied costs a fresh page, not the events after it", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.says(event("broken", {}, { position: "e-2" }));
  await TestSocket.last.says(event("post.2", {}, { position: "e-3" }));
  assert.equal(page.refreshed, 1);
  assert.deepEqual(page.keys, ["post.2"]);
});

test("signed out, it comes back with a new ticket; a bad ticket is exchanged at once", async () => {
  await begin("e-1", "ticket");
  await TestSocket.last.greets();
  await TestSocket.last.cuts(4401);
  await TestSocket.last.says(welcome);
  assert.equal(TestSocket.last.asked("hello")[0].ticket, "new-1");
  await TestSocket.last.says({ type: "error", code: "bad-ticket", detail: "expired" });
  assert.equal(TestSocket.last.asked("hello")[1].ticket, "new-2");
});

test("a ticket is renewed before it ends, without subscribing twice", async () => {
  await begin("e-1", "ticket");
  await TestSocket.last.says(welcome);
  const soon = new Date(Date.now() + 60_005).toISOString();
  await TestSocket.last.says({ type: "hello", user: 7, name: "ada", expires: soon });
  await new Promise((done) => setTimeout(done, 20));
  await settled();
  assert.equal(TestSocket.last.asked("hello").at(-1).ticket, "new-1");
  await TestSocket.last.says({ type: "hello", user: 7, name: "ada", expires: null });
  assert.equal(TestSocket.last.asked("subscribe").length, 1);
});

const ada = { type: "hello", user: 7, name: "ada", expires: null };
/** @param {object} [rest] */
const followed = (rest) => ({ type: "subscribed", topics: ["site", "front"], refused: [], position: "e-1", recovered: true, missed: 0, ...rest });

test("a ticket that was just had is not renewed at once, however wrong the clock is", async () => {
  await begin("e-1", "ticket");
  await TestSocket.last.says(welcome);
  tickets.age = 0;
  await TestSocket.last.says({ ...ada, expires: new Date(Date.now() - 3_600_000).toISOString() });
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(tickets.renewed, 0);
});

test("a topic that was taken away is asked for with a new ticket, from where it was taken", async () => {
  await begin("e-1", "ticket");
  page.named.add("desk");
  await TestSocket.last.says(welcome, ada);
  await TestSocket.last.says(followed({ topics: ["site", "front", "desk"] }));
  await TestSocket.last.says({ type: "unsubscribed", topics: ["desk"], code: "forbidden" }, event("post.1", {}, { position: "e-5" }));
  assert.equal(TestSocket.last.asked("hello").at(-1).ticket, "new-1");
  await TestSocket.last.says(ada);
  assert.deepEqual(TestSocket.last.asked("subscribe").at(-1), { type: "subscribe", topics: ["desk"], since: "e-1" });
  await TestSocket.last.says(followed({ topics: ["site", "front", "desk"] }));
  assert.equal(page.refreshed, 0);
});

test("a topic that a new ticket does not open either costs a page for another reader, once", async () => {
  await begin("e-1", "ticket");
  page.named.add("desk");
  await TestSocket.last.says(welcome, ada);
  const refused = followed({ refused: [{ topic: "desk", code: "forbidden" }] });
  for (const answer of [refused, ada, refused, ada, refused]) await TestSocket.last.says(answer);
  assert.deepEqual(page.asked, ["for another reader"]);
  await TestSocket.last.says(event("post.1", {}, { position: "e-2" }), event("post.2", {}, { position: "e-3" }));
  assert.equal(TestSocket.last.asked("subscribe").length, 3);
});

test("signed out elsewhere, the session goes on anonymously, with an anonymous reader's page", async () => {
  await begin("e-1", "ticket");
  await TestSocket.last.greets(ada);
  tickets.next = "";
  await TestSocket.last.cuts(4401);
  await TestSocket.last.says(welcome);
  assert.equal(TestSocket.last.asked("hello")[0].ticket, undefined);
  await TestSocket.last.says(anonymous);
  assert.deepEqual(page.asked, ["for another reader"]);
  assert.equal(TestSocket.last.asked("subscribe").length, 1);
  await TestSocket.last.cuts(1006);
  await TestSocket.last.greets();
  assert.equal(page.refreshed, 1);
});

test("signed in again in another tab, it is told when it is looked at", async () => {
  await begin("e-1", "ticket");
  await TestSocket.last.greets(ada);
  tickets.next = "";
  await TestSocket.last.cuts(4401);
  await TestSocket.last.greets(anonymous);
  tickets.next = "again";
  document.dispatchEvent(new Event("visibilitychange"));
  await settled();
  assert.equal(TestSocket.last.asked("hello").at(-1).ticket, "again");
  await TestSocket.last.says(ada);
  assert.equal(page.refreshed, 2);
});

test("with other rights it is the same reader, and another page", async () => {
  await begin("e-1", "ticket");
  await TestSocket.last.greets(ada);
  await TestSocket.last.cuts(4401);
  await TestSocket.last.greets(ada);
  assert.deepEqual(page.asked, ["for another reader"]);
});

test("a reader who stays anonymous costs no fresh page", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.cuts(1006);
  await TestSocket.last.greets();
  assert.equal(page.refreshed, 0);
});

test("a reset says how many were missed", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.says({ type: "reset", topics: ["front"], position: "e-400", missed: 312, reason: "trimmed" });
  assert.deepEqual(page.asked, [312]);
});

test("a gap is loaded, and jumped over, in order with the events", async () => {
  await begin();
  await TestSocket.last.greets();
  session.want("load");
  await TestSocket.last.says(event("post.1", {}, { position: "e-2" }));
  session.want("jump");
  await settled();
  assert.deepEqual([page.asked, page.keys], [["load", "jump"], ["post.1"]]);
});

test("a page that lacks something is read anew, once for many changes", async () => {
  const { RefreshScheduler } = await import("../../static/js/live/refresh-scheduler.js");
  [RefreshScheduler.MIN_WAIT_MS, RefreshScheduler.MAX_PAGES_PER_SECOND] = [40, Infinity];
  await begin();
  await TestSocket.last.greets();
  page.isIncomplete = true;
  for (const number of [2, 3, 4]) await TestSocket.last.says(event("post.1", {}, { position: `e-${number}` }));
  assert.equal(page.refreshed, 0);
  await new Promise((done) => setTimeout(done, 80));
  assert.equal(page.refreshed, 1);
});

test("what a pause kept from being filled is filled after it", async () => {
  const { RefreshScheduler } = await import("../../static/js/live/refresh-scheduler.js");
  [RefreshScheduler.MIN_WAIT_MS, RefreshScheduler.MAX_PAGES_PER_SECOND] = [10, Infinity];
  await begin();
  await TestSocket.last.greets();
  session.pause();
  page.isIncomplete = true;
  await TestSocket.last.says(event("post.1", {}, { position: "e-2", kind: "post.withdrawn" }));
  await new Promise((done) => setTimeout(done, 40));
  assert.equal(page.refreshed, 0);
  session.resume();
  await new Promise((done) => setTimeout(done, 40));
  assert.equal(page.refreshed, 1);
});

test("where the transport does not name the reader, the ticket is renewed from time to time", async () => {
  const { Identity } = await import("../../static/js/live/identity.js");
  const fresh = Identity.MIN_RENEWAL_INTERVAL_MS;
  Identity.MIN_RENEWAL_INTERVAL_MS = 30;
  await begin("e-1", "ticket");
  await TestSocket.last.greets({ type: "hello", user: undefined, name: null, expires: null });
  tickets.next = "";
  await new Promise((done) => setTimeout(done, 60));
  await TestSocket.last.says(anonymous);
  assert.deepEqual(page.asked, ["for another reader"]);
  Identity.MIN_RENEWAL_INTERVAL_MS = fresh;
});

test("told to stay away, it does", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.cuts(4503);
  assert.equal(TestSocket.opened.length, 1);
  assert.equal(states.at(-1), "offline");
});

test("stopped for the way back, it starts again from its cursor", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.says(event("post.1", {}, { position: "e-9" }));
  session.stop();
  session.start();
  await TestSocket.last.greets();
  assert.equal(TestSocket.last.asked("subscribe")[0].since, "e-9");
});

for (const [what, frame] of /** @type {const} */ ([
  ["an event out of order", event("post.1", {}, { position: "e-4" })],
  ["an event of another log", event("post.1", {}, { position: "f-9" })],
  ["a heartbeat of another log", { type: "heartbeat", position: "f-9" }],
])) {
  test(`after ${what} the page is read anew and followed from there`, async () => {
    await begin();
    await TestSocket.last.greets();
    await TestSocket.last.says(event("post.2", {}, { position: "e-5" }));
    await TestSocket.last.says(frame, event("post.3", {}, { position: "e-60" }));
    assert.deepEqual([page.refreshed, page.keys], [1, ["post.2"]]);
    assert.equal(TestSocket.opened.length, 2);
    await TestSocket.last.greets();
    assert.equal(TestSocket.last.asked("subscribe")[0].since, "e-50");
    assert.equal(status.states.at(-1), "live");
  });
}

test("a reader is counted on the page's public topic, and shown the count", async () => {
  await begin();
  await TestSocket.last.greets();
  assert.deepEqual(TestSocket.last.asked("here"), [{ type: "here", topic: "front", state: "viewing" }]);
  await TestSocket.last.says({ type: "presence", topic: "front", readers: 214 }, { type: "presence", topic: "post.1", readers: 2 });
  assert.equal(status.counts.at(-1), 214);
  await TestSocket.last.cuts(1006);
  assert.equal(status.counts.at(-1), undefined);
});

test("a server that does not count readers is not asked again, and nothing breaks", async () => {
  await begin();
  await TestSocket.last.greets();
  await TestSocket.last.says({ type: "error", code: "bad-topic", detail: "no" }, event("post.1", {}, { position: "e-2" }));
  assert.equal(TestSocket.opened.length, 1);
  assert.deepEqual(page.keys, ["post.1"]);
});
