/** @import { Person } from "../live/frames.js" */

/**
 * `<press-people places="post.42 desk">`: names the places of this page's reader, and lists the other people
 * at the first of them, in the page's words (`data-word-unsaved="{name} is editing this (unsaved)"`).
 */
export class PressPeople extends HTMLElement {
  get places() {
    return (this.getAttribute("places") ?? "").split(/\s+/).filter(Boolean);
  }

  /** @param {Person[]} people */
  show(people) {
    const words = people.map(({ name, state }) => (this.getAttribute(`data-word-${state}`) ?? "{name}").replace("{name}", name));
    const list = this.querySelector("ul");
    const shown = [...(list?.children ?? [])].map((item) => item.textContent);
    if (!list || shown.join("\n") === words.join("\n")) return; // a live region that is written again is read aloud again
    list.replaceChildren(...words.map(item));
    this.toggleAttribute("empty", words.length === 0);
  }
}

/** @param {string} words */
function item(words) {
  const element = document.createElement("li");
  element.textContent = words;
  return element;
}
