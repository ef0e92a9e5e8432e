import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { get } from "../../static/js/live/http.js";
import { browse, define } from "../browser.js";
import { entry, event, feed, ids } from "../samples.js";

const GAP = `<press-gap data-word-many="missed {count}" data-word-some="missed some"><span role="status"></span>
  <button data-load></button><button data-jump></button><button data-close></button></press-gap>`;

/** @type {string[]} */
let asked;
/** @type {Record<string, string>} by what the address asks for */
let pages;
/** @type {any} */
let page;
let isHeld = false;

/**
 * @param {number[]} posts
 * @param {string} [attributes]
 */
const list = (posts, attributes = 'data-live-limit="3" data-live-newer="false" data-live-more="true"') =>
  `<main>${GAP}${feed(posts.map((id) => ({ id })), attributes)}<b data-live-count="front">${posts.length}</b></main>`; // prettier-ignore

const older = 'data-live-limit="3" data-live-newer="true" data-live-more="true"';
const row = () => document.querySelector("press-gap [role=status]")?.textContent;

async function open(/** @type {string} */ html) {
  const window = browse(html, "http://localhost/?tag=sea");
  const { PressGap } = await import(`../../static/js/page/press-gap.js?window=${Math.random()}`);
  window.customElements.define("press-gap", PressGap);
  const { Page } = await import("../../static/js/page/page.js");
  const anchor = { keep: (/** @type {() => any} */ change) => change(), get isHeld() { return isHeld; } }; // prettier-ignore
  page = new Page(/** @type {any} */ (anchor), get, () => {});
  [asked, pages] = [[], {}];
  define("fetch", async (/** @type {string | URL} */ url) => {
    const { search } = new URL(url);
    asked.push(search);
    const html = `<head><meta name="live-position" content="e-90"></head><body>${pages[search]}</body>`;
    return { ok: true, status: 200, redirected: false, url: String(url), headers: new Headers(), text: async () => html };
  });
  Element.prototype.scrollIntoView = () => {};
}

beforeEach(() => {
  isHeld = false;
});

test("at the top a fresh page is shown, and how much was missed is said", async () => {
  await open(list([5, 4, 3]));
  pages["?tag=sea"] = list([9, 8, 7]);
  assert.equal(await page.catchUp(312, false), "e-90");
  assert.deepEqual([ids(), row()], [["post-9", "post-8", "post-7"], "missed 312"]);
  /** @type {any} */ (document.querySelector("[data-close]")).click();
  assert.equal(row(), "");
});

for (const [who, held, pauses] of /** @type {const} */ ([["reads further down", true, false], ["pauses", false, true]])) {
  test(`who ${who} keeps their place, as it is now, and is offered the gap`, async () => {
    await open(list([5, 4, 3]));
    isHeld = held;
    pages["?tag=sea"] = list([9, 8, 7]);
    pages["?tag=sea&older=005-6"] = list([5, 3, 2], older); // the fourth was withdrawn
    await page.catchUp(null, pauses);
    assert.deepEqual([ids(), row()], [["post-5", "post-3", "post-2"], "missed some"]);
    page.apply([event("post.10", { entry: entry({ id: 10 }) })]);
    assert.deepEqual(ids(), ["post-5", "post-3", "post-2"]);
    assert.equal(page.isIncomplete, false);

    pages["?tag=sea&newer=005-5"] = list([8, 7, 6], older);
    await page.load();
    assert.deepEqual([ids(), row()], [["post-8", "post-7", "post-6", "post-5", "post-3", "post-2"], "missed some"]);
    pages["?tag=sea&newer=008-8"] = list([10, 9, 8]);
    await page.load();
    assert.deepEqual([ids().slice(0, 3), row()], [["post-10", "post-9", "post-8"], ""]);
    page.apply([event("post.11", { entry: entry({ id: 11 }) })]);
    assert.equal(ids()[0], "post-11");
  });
}

test("nothing new above: nothing is offered, and the page is a fresh one", async () => {
  await open(list([5, 4, 3]));
  isHeld = true;
  pages["?tag=sea"] = list([5, 4, 2]);
  pages["?tag=sea&older=005-6"] = list([5, 4, 2], older);
  await page.catchUp(7, false);
  assert.deepEqual([ids(), row()], [["post-5", "post-4", "post-2"], "missed 7"]);
  assert.equal(document.querySelector("press-gap")?.getAttribute("state"), "said");
});

test("jumping shows the newest, and the keyboard goes on from there", async () => {
  await open(list([5, 4, 3]));
  isHeld = true;
  pages["?tag=sea"] = list([9, 8, 7]);
  pages["?tag=sea&older=005-6"] = list([5, 4, 3], older);
  await page.catchUp(312, false);
  await page.jump();
  assert.deepEqual([ids(), row()], [["post-9", "post-8", "post-7"], ""]);
  assert.equal(document.activeElement?.textContent, "post 9");
});

test("a full list that loses an item lacks what follows, and a fresh page has it", async () => {
  await open(list([5, 4, 3]));
  page.apply([event("post.4", {}, { left: ["front"] })]);
  assert.equal(page.isIncomplete, true);
  pages["?tag=sea"] = list([5, 3, 2]);
  await page.refresh();
  assert.deepEqual([ids(), page.isIncomplete], [["post-5", "post-3", "post-2"], false]);
});

test("a count is in doubt when something changes that is not shown", async () => {
  await open(list([5, 4, 3]));
  page.apply([event("post.1", { likes: "<i></i>" })]);
  assert.equal(page.isIncomplete, false);
  page.apply([event("post.1", {}, { left: ["front"] })]);
  assert.equal(page.isIncomplete, true);
  await open(list([5, 4, 3]));
  page.apply([event("post.1", { entry: entry({ id: 1 }) })]);
  assert.equal(page.isIncomplete, true);
});

test("a list that is whole lacks nothing", async () => {
  await open(list([5, 4, 3], 'data-live-limit="9" data-live-newer="false" data-live-more="false"'));
  page.apply([event("post.4", {}, { left: ["front"] }), event("post.77", {}, { left: ["front"] })]);
  assert.equal(page.isIncomplete, false);
});
