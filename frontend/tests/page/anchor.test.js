import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browse, define } from "../browser.js";

/** A layout for jsdom, which has none: items below each other, of the heights they say. */
function lay() {
  Element.prototype.getBoundingClientRect = function () {
    const items = [...document.querySelectorAll("[data-live-list] > *")];
    const height = (/** @type {Element} */ item) => Number(item.getAttribute("height"));
    const above = items.slice(0, Math.max(0, items.findIndex((item) => item.contains(this))));
    const top = above.reduce((sum, item) => sum + height(item), 100) - scrollY;
    const own = items.find((item) => item.contains(this));
    const whole = own ? height(own) : items.reduce((sum, item) => sum + height(item), 0);
    return /** @type {DOMRect} */ ({ top, bottom: top + whole });
  };
  // as Chromium does on an ordinary screen
  define("scrollBy", ({ top: by }) => define("scrollY", Math.round(scrollY + by)));
}

/** @param {number} scrolled */
async function reading(scrolled) {
  const { Anchor } = await import("../../static/js/page/anchor.js");
  define("scrollY", scrolled);
  return new Anchor();
}

const list = () => /** @type {Element} */ (document.querySelector("[data-live-list]"));
const at = (/** @type {string} */ id) => /** @type {Element} */ (document.getElementById(id)).getBoundingClientRect().top;
const insert = (/** @type {number} */ height) => () => list().insertAdjacentHTML("afterbegin", `<p height="${height}"></p>`);

beforeEach(() => {
  browse('<main><div data-live-list="front"><p id="a" height="500"></p><p id="b" height="500"><a href="/">b</a></p></div></main>');
  lay();
});

test("what is under the eye stays there when something comes above it", async () => {
  const anchor = await reading(700);
  const before = at("b");
  anchor.keep(insert(321));
  assert.equal(at("b"), before);
});

test("fractions of a pixel do not add up", async () => {
  const anchor = await reading(700);
  const before = at("b");
  for (let post = 0; post < 9; post += 1) anchor.keep(insert(100.4));
  assert.ok(Math.abs(at("b") - before) <= 0.5, `${at("b") - before} px`);
});

test("at the top of the list nothing is held: what is new may push down what is old", async () => {
  const anchor = await reading(50);
  anchor.keep(insert(300));
  assert.equal(scrollY, 50);
});

test("what has the focus stays, even at the top of the list", async () => {
  const anchor = await reading(50);
  /** @type {HTMLElement} */ (document.querySelector("#b a")).focus();
  const before = at("b");
  anchor.keep(insert(300));
  assert.equal(at("b"), before);
});

test("when what was under the eye is taken away, what is around it holds the place", async () => {
  const anchor = await reading(700);
  anchor.keep(() => document.getElementById("b")?.remove());
  assert.equal(scrollY, 700);
});
