import assert from "node:assert/strict";
import { test } from "node:test";
import { PauseBuffer } from "../../static/js/live/pause-buffer.js";
import { event } from "../samples.js";

test("without a pause, events pass", () => {
  const events = /** @type {any[]} */ ([event("post.1", {})]);
  assert.deepEqual(new PauseBuffer().take(events), events);
});

test("paused, events wait in order; ten edits of one post count as one", () => {
  const buffer = new PauseBuffer();
  buffer.isOn = true;
  const events = /** @type {any[]} */ ([event("post.1", {}), event("post.2", {}), event("post.1", {})]);
  assert.deepEqual(buffer.take(events), []);
  assert.equal(buffer.size, 2);
  assert.deepEqual(buffer.release(), events);
  assert.equal(buffer.size, 0);
});

test("a withdrawal passes at once, and no held event brings its object back", () => {
  const buffer = new PauseBuffer();
  buffer.isOn = true;
  buffer.take(/** @type {any[]} */ ([event("post.1", {}), event("post.2", {})]));
  const gone = /** @type {any} */ (event("post.1", {}, { kind: "post.withdrawn" }));
  const scrubbed = /** @type {any} */ (event("post.2", {}, { data: { scrubbed: true } }));
  assert.deepEqual(buffer.take([gone, scrubbed]), [gone, scrubbed]);
  assert.deepEqual(buffer.release(), []);
});

test("more events than the buffer holds make it stale", () => {
  const buffer = new PauseBuffer();
  buffer.isOn = true;
  for (let number = 0; number <= PauseBuffer.MAX_EVENTS; number += 1) buffer.take(/** @type {any[]} */ ([event(`post.${number}`, {})]));
  assert.ok(buffer.isStale);
  assert.equal(buffer.release().length, PauseBuffer.MAX_EVENTS);
});
