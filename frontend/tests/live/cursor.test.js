import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../static/js/live/backoff.js";
import { Cursor, earlier } from "../../static/js/live/cursor.js";

test("the cursor is the position of the last frame that was processed and has one", () => {
  const cursor = new Cursor("e-1");
  cursor.moved("e-5");
  cursor.moved(undefined);
  assert.equal(cursor.resume(), "e-5");
});

test("what was asked for from an earlier position and never answered is asked for from there again", () => {
  const cursor = new Cursor("e-100");
  cursor.asked("e-100");
  cursor.moved("e-105");
  assert.equal(cursor.resume(), "e-100");
  assert.equal(cursor.resume(), "e-105");
});

test("an answered question is done with", () => {
  const cursor = new Cursor("e-9");
  cursor.asked("e-9");
  cursor.asked("e-12");
  cursor.answered();
  cursor.moved("e-15");
  assert.equal(cursor.resume(), "e-12");
});

test("a page without a position resumes from none", () => {
  assert.equal(new Cursor("").resume(), "");
});

test("offsets compare as integers", () => {
  assert.equal(earlier("e-9", "e-10"), "e-9");
  assert.equal(earlier("e-10", "e-9"), "e-9");
});

test("of two epochs the one that was left behind is asked for, and reset by the server", () => {
  const cursor = new Cursor("old-900");
  cursor.asked("old-900");
  cursor.moved("new-3");
  assert.equal(cursor.resume(), "old-900");
});

test("the wait begins within a second, doubles, and never passes 30 s", () => {
  const longest = new Backoff(() => 1);
  assert.deepEqual(Array.from({ length: 7 }, () => longest.next()), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  longest.reset();
  assert.equal(longest.next(), 1000);
  assert.equal(new Backoff(() => 0).next(), 0);
});
