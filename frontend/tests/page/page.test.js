import assert from "node:assert/strict";
import { test } from "node:test";
import { get } from "../../static/js/live/http.js";
import { browse, define, plain } from "../browser.js";
import { entry, event, feed, ids, likesOf } from "../samples.js";

const still = { keep: (/** @type {() => void} */ change) => change() };

/** @param {string} body */
async function open(body, url = "http://localhost/") {
  browse(body, url);
  const { Page } = await import("../../static/js/page/page.js");
  return new Page(/** @type {any} */ (still), get, () => {});
}

const seen = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

test("a new post is inserted where it belongs, not where it arrives", async () => {
  const page = await open(feed([{ id: 9 }, { id: 5 }, { id: 1 }]));
  page.apply([event("post.7", { entry: entry({ id: 7 }) }), event("post.10", { entry: entry({ id: 10 }) })]);
  assert.deepEqual(ids(), ["post-10", "post-9", "post-7", "post-5", "post-1"]);
});

test("a list in ascending order takes equals at its end", async () => {
  const page = await open('<ol data-live-list="front" data-live-fragment="entry" data-live-order="asc"></ol>');
  for (const id of [2, 3, 1]) page.apply([event(`post.${id}`, { entry: entry({ id, sort: id === 1 ? "0" : "5" }) })]);
  assert.deepEqual(ids(), ["post-1", "post-2", "post-3"]);
});

test("a post that is there is replaced in its place, and its nodes stay", async () => {
  const page = await open(feed([{ id: 2 }, { id: 1 }]));
  const link = seen("#post-1 h3 a");
  link.focus();
  page.apply([event("post.1", { entry: entry({ id: 1, version: 2, text: "retitled" }) })]);
  assert.equal(link.textContent, "retitled");
  assert.equal(document.activeElement, link);
  assert.deepEqual(ids(), ["post-2", "post-1"]);
});

test("an event older than what is shown changes nothing; one of the same version may come again", async () => {
  const page = await open(feed([{ id: 1, version: 5, text: "shown" }]));
  page.apply([event("post.1", { entry: entry({ id: 1, version: 4, text: "older" }) })]);
  assert.equal(seen("h3").textContent, "shown");
  page.apply([event("post.1", { entry: entry({ id: 1, version: 5, text: "again" }) })]);
  assert.equal(seen("h3").textContent, "again");
});

test("an object's parts are as new as its newest event, so the old page equals a fresh one", async () => {
  const page = await open(feed([{ id: 1, version: 5, likes: 1 }]));
  page.apply([event("post.1", { likes: likesOf({ id: 1, version: 6, likes: 2 }) })]);
  const old = plain(seen("article"));
  browse(feed([{ id: 1, version: 6, likes: 2 }]));
  assert.equal(old, plain(seen("article")));
});

test("a name is patched in every place that shows it", async () => {
  const page = await open(feed([{ id: 2 }, { id: 1 }]));
  const html = { name: '<a data-live="author.3/name" href="/author/3/">Ada King</a>' };
  page.apply([event("author.3", html, { topics: ["site", "author.3"] })]);
  const names = [...document.querySelectorAll('[data-live="author.3/name"]')].map((name) => name.textContent);
  assert.deepEqual(names, ["Ada King", "Ada King"]);
});

test("what left a topic leaves its list, and stays where it still belongs", async () => {
  const page = await open(feed([{ id: 1 }]) + feed([{ id: 1 }]).replace('"front"', '"tag.python"'));
  page.apply([event("post.1", {}, { topics: ["front", "tag.python"], left: ["tag.python"] })]);
  assert.deepEqual(ids(), ["post-1"]);
  assert.equal(seen('[data-live-list="tag.python"]').children.length, 0);
});

test("a withdrawn post's article becomes a tombstone, and a restored one an article again", async () => {
  const page = await open('<article data-live="post.1/article" data-live-version="1"><h1>Secret</h1></article>');
  const gone = '<article class="tombstone" data-live="post.1/article" data-live-version="2"><h1>Withdrawn</h1></article>';
  page.apply([event("post.1", { article: gone }, { left: ["front"] })]);
  assert.doesNotMatch(document.body.innerHTML, /Secret/);
  page.apply([event("post.1", { article: gone.replace("Withdrawn", "Back").replace('"2"', '"3"') })]);
  assert.equal(seen("h1").textContent, "Back");
});

test("a page of a longer list leaves to its neighbours what stands beyond its ends", async () => {
  const page = await open(feed([{ id: 5 }, { id: 3 }], 'data-live-newer="true" data-live-more="true"'));
  for (const id of [9, 4, 1]) page.apply([event(`post.${id}`, { entry: entry({ id }) })]);
  assert.deepEqual(ids(), ["post-5", "post-4", "post-3"]);
});

test("a full list lets its last item go, and the older page begins there", async () => {
  const older = '<a data-live-older="front" href="/?tag=x&newer=1" hidden>Older</a>';
  const page = await open(feed([{ id: 2 }, { id: 1 }], 'data-live-limit="2" data-live-more="false"') + older);
  page.apply([event("post.3", { entry: entry({ id: 3 }) })]);
  assert.deepEqual(ids(), ["post-3", "post-2"]);
  assert.equal(seen("a[data-live-older]").getAttribute("href"), "/?tag=x&older=002-2");
  assert.equal(seen("a[data-live-older]").hidden, false);
  assert.equal(seen("section").getAttribute("data-live-more"), "true");
});

test("a count follows what comes and goes, and not what is only changed", async () => {
  const page = await open(`<b data-live-count="front">7</b>${feed([{ id: 2 }, { id: 1 }])}`);
  page.apply([event("post.3", { entry: entry({ id: 3 }) }), event("post.4", { entry: entry({ id: 4 }) })]);
  page.apply([event("post.3", { entry: entry({ id: 3, version: 2 }) })]);
  page.apply([event("post.1", {}, { left: ["front"] })]);
  assert.equal(seen("b").textContent, "8");
});

test("an item whose place in the order changed moves there; among equals it stays", async () => {
  const page = await open(feed([{ id: 3 }, { id: 2 }, { id: 1 }]));
  page.apply([event("post.1", { entry: entry({ id: 1, version: 2, sort: "025" }) })]);
  assert.deepEqual(ids(), ["post-1", "post-3", "post-2"]);
  const equals = await open(feed([{ id: 3, sort: "" }, { id: 2, sort: "" }]));
  equals.apply([event("post.2", { entry: entry({ id: 2, version: 2, sort: "" }) })]);
  assert.deepEqual(ids(), ["post-3", "post-2"]);
});

test("lists of one topic that each take a group hand an item on when its group changes", async () => {
  const list = (/** @type {string} */ group) =>
    `<ul id="${group}" data-live-list="desk" data-live-fragment="row" data-live-group="${group}"></ul>`;
  const row = (/** @type {string} */ group, version = 1) =>
    `<li id="row-1" data-live="post.1/row" data-live-version="${version}" data-live-group="${group}">x</li>`;
  const page = await open(list("draft") + list("scheduled"));
  page.apply([event("post.1", { row: row("draft") }, { topics: ["desk"] })]);
  assert.equal(seen("#draft").children.length, 1);
  page.apply([event("post.1", { row: row("scheduled", 2) }, { topics: ["desk"] })]);
  assert.equal(seen("#draft").children.length, 0);
  assert.equal(seen("#scheduled").children.length, 1);
});

test("the keyboard goes on from the content when what had the focus is removed", async () => {
  const page = await open(`<main tabindex="-1">${feed([{ id: 1 }])}</main>`);
  seen("#post-1 a").focus();
  page.apply([event("post.1", {}, { left: ["front"] })]);
  assert.equal(document.activeElement, seen("main"));
});

test("topics are those that any element of the page names", async () => {
  const page = await open('<main data-live-topics="site  front"><a data-live-topics="book.7"></a></main>');
  assert.deepEqual([...page.topics()], ["site", "front", "book.7"]);
});

/**
 * @param {string} body
 * @param {object} [answer]
 */
function serve(body, answer = {}) {
  const html = `<html><head><meta name="live-position" content="e-9"></head><body>${body}</body></html>`;
  const response = { ok: true, status: 200, redirected: false, url: "", headers: new Map(), text: async () => html, ...answer };
  define("fetch", async () => response);
}

test("reset makes what lives as on a fresh page and leaves a half-written form alone", async () => {
  const form = '<form><textarea id="text"></textarea></form>';
  const page = await open(`<main data-live-topics="site">${form}${feed([{ id: 1 }, { id: 2 }])}</main>`);
  const textarea = /** @type {HTMLTextAreaElement} */ (seen("textarea"));
  textarea.value = "half a sentence";
  const kept = seen("#post-2");
  serve(`<main data-live-topics="site front">${form}${feed([{ id: 3 }, { id: 2, text: "new" }])}</main>`);
  assert.equal(await page.refresh(), "e-9");
  assert.deepEqual(ids(), ["post-3", "post-2"]);
  assert.equal(seen("#post-2"), kept);
  assert.equal(seen("#post-2 h3").textContent, "new");
  assert.equal(textarea.value, "half a sentence");
  assert.deepEqual([...page.topics()], ["site", "front"]);
});

test("reset on a page that is gone shows what its address says now", async () => {
  const page = await open('<main data-live-topics="post.1"><article data-live="post.1/article">Secret</article></main>');
  serve('<main data-live-topics="site"><h1>Nothing here</h1></main>', { ok: false, status: 404 });
  await page.refresh();
  assert.doesNotMatch(document.body.innerHTML, /Secret/);
  assert.match(document.body.innerHTML, /Nothing here/);
});

test("reset that meets a failing server fails, so that it is tried again", async () => {
  const page = await open("<main></main>");
  serve("", { ok: false, status: 503 });
  await assert.rejects(page.refresh(), /503/);
});

/** @param {string} form */
const editing = (form) => `<main data-live-topics="site">${form}</main>`;
const EDITOR = '<press-composer><form><textarea>was</textarea></form><p role="status"></p><template>Sign in</template></press-composer>';

/** @param {string} text written since the page was opened */
async function write(text) {
  const window = browse(editing(EDITOR));
  const { Page } = await import("../../static/js/page/page.js");
  const define = async () => {
    const { PressComposer } = await import(`../../static/js/desk/press-composer.js?window=${Math.random()}`);
    window.customElements.define("press-composer", PressComposer);
  };
  /** @type {HTMLTextAreaElement} */ (seen("textarea")).value = text;
  return { page: new Page(/** @type {any} */ (still), get, () => {}), define };
}

const gone = () => serve('<main data-live-topics="site"><h1>Nothing here</h1></main>', { ok: false, status: 404 });

test("a text that is not saved stays where its page is gone, and says that it cannot be sent until it can", async () => {
  const { page, define } = await write("is");
  await define();
  gone();
  await page.refresh();
  assert.equal(/** @type {HTMLTextAreaElement} */ (seen("textarea")).value, "is");
  assert.equal(seen("[role=status]").textContent, "Sign in");
  serve(editing(EDITOR));
  await page.refresh();
  assert.equal(seen("[role=status]").textContent, "");
});

test("a form where nothing was written goes with its page", async () => {
  const { page, define } = await write("was");
  await define();
  gone();
  await page.refresh();
  assert.match(document.body.innerHTML, /Nothing here/);
});

test("a form whose script has not come stays: it may hold a text, and cannot say so", async () => {
  const { page } = await write("is");
  gone();
  await page.refresh();
  assert.equal(/** @type {HTMLTextAreaElement} */ (seen("textarea")).value, "is");
});
