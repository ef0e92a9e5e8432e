/** A browser for tests: jsdom's window, with what the modules use put where they look for it. */
import { JSDOM } from "jsdom";

const SEEN = [
  "document", "window", "location", "history", "navigator", "customElements", "HTMLElement", "DOMParser", "Event", "CustomEvent",
  "KeyboardEvent", "CompositionEvent", "Document", "DocumentFragment", "Node", "Element", "HTMLHeadElement", "getSelection", "CSS",
  "HTMLInputElement", "HTMLSelectElement", "HTMLTextAreaElement",
]; // prettier-ignore

/**
 * @param {string} body
 * @param {string} [url]
 */
export function browse(body, url = "http://localhost/") {
  const html = `<!doctype html><html lang="en"><head><title>Stop Press</title></head><body>${body}</body></html>`;
  const { window } = new JSDOM(html, { url, pretendToBeVisual: true });
  for (const name of SEEN) define(name, window[name]);
  define("addEventListener", window.addEventListener.bind(window));
  define("removeEventListener", window.removeEventListener.bind(window));
  define("innerHeight", 800);
  define("scrollY", 0);
  define("scrollBy", () => {});
  return window;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function define(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** Waits for what has been queued so far, tasks included. */
export async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((done) => setTimeout(done, 0));
}

/** Pages are compared like text: white space between elements means nothing. */
export function plain(/** @type {Element} */ element) {
  return element.outerHTML.replace(/\s+/g, " ").replace(/> </g, "><").trim();
}

/** @param {"hidden" | "visible"} state what the page becomes */
export function look(state) {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
