/** The walls between the rooms of static/js/, which docs/client.md describes. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../static/js", import.meta.url));

/** @type {Record<string, string[]>} what each room may import; the entries, beside the rooms, may import all */
const ALLOWED = {
  live: ["live"],
  page: ["page", "idiomorph"],
  reader: ["reader", "live", "page"],
  desk: ["desk", "live", "page"],
};

/** @type {Record<string, RegExp>} what a room must not use of the browser */
const FORBIDDEN = {
  // its own requests and sockets are the transport's; of the page it may hear that it is hidden, or goes
  live: /\bdocument\.(?!addEventListener\b|removeEventListener\b|dispatchEvent\b|visibilityState\b)|\bHTMLElement\b|\bcustomElements\b|\bDOMParser\b/,
  page: /(?<![#.])\bfetch\(|\bWebSocket\b|\bEventSource\b|\bXMLHttpRequest\b/,
};

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(["'`])([\w./@-]+)\1/g;

/**
 * What a file must not do where it stands. A type of JSDoc counts as an import: who needs the type needs the room.
 *
 * @param {string} path below static/js/
 * @param {string} source
 */
function trespasses(path, source) {
  const room = path.split(sep)[0];
  if (path.endsWith(".entry.js")) return [];
  if (!(room in ALLOWED)) return [`${path} is in no room`];
  const imported = [...source.matchAll(IMPORT)].map(([, , name]) => name);
  const far = imported.filter((name) => !ALLOWED[room].includes(name.startsWith(".") ? roomOf(path, name) : name));
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g, "");
  const used = FORBIDDEN[room]?.exec(code);
  return [...far.map((name) => `${path} imports ${name}`), ...(used ? [`${path} uses ${used[0]}`] : [])];
}

/**
 * @param {string} path
 * @param {string} name as imported there
 */
function roomOf(path, name) {
  return normalize(join(dirname(path), name)).split(sep)[0];
}

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));

test("no module reaches into a room that its own must not know", () => {
  assert.ok(files.length > 30);
  assert.deepEqual(files.flatMap((path) => trespasses(path, readFileSync(join(ROOT, path), "utf8"))), []); // prettier-ignore
});

for (const [path, source] of [
  ["live/session.js", 'import { Page } from "../page/page.js";'],
  ["live/session.js", '/** @import { LiveStatus } from "../reader/live-status.js" */'],
  ["live/session.js", 'const status = document.querySelector("live-status");'],
  ["page/page.js", 'import { get } from "../live/http.js";'],
  ["page/page.js", 'export * from "../desk/press-composer.js";'],
  ["page/page.js", 'const answer = await fetch("/");'],
  ["reader/press-keys.js", 'const desk = await import("../desk/press-people.js");'],
  ["desk/press-people.js", 'import "../reader/live-status.js";'],
  ["live/session.js", 'import "../reader.entry.js";'],
  ["live/session.js", 'import { Idiomorph } from "idiomorph";'],
  ["stray.js", ""],
]) {
  test(`the wall holds against ${source || "a module in no room"} in ${path}`, () => {
    assert.equal(trespasses(normalize(path), source).length, 1);
  });
}

for (const [path, source] of [
  ["reader.entry.js", 'import { Session } from "./live/session.js";'],
  ["desk/press-people.js", '/** @import { Person } from "../live/frames.js" */'],
  ["page/morphing.js", 'import { Idiomorph } from "idiomorph";'],
  ["page/page.js", "return this.#fetch(list.from());"],
]) {
  test(`${path} may say ${source}`, () => {
    assert.deepEqual(trespasses(normalize(path), source), []);
  });
}
