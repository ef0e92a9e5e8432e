/** @import { Person } from "../live/frames.js" */

/**
 * `<press-people places="post.42 desk">`: where this page's reader is, and who else is at the first of
 * these places. Said in the page's words (`data-word-unsaved="{name} is editing this (unsaved)"`).
 */
export class PressPeople extends HTMLElement {
  get places() {
    return (this.getAttribute("places") ?? "").split(/\s+/).filter(Boolean);
  }

  get topic() {
    return this.places[0];
  }

  /** @param {Person[]} people */
  show(people) {
    const words = people.map(({ name, state }) => (this.getAttribute(`data-word-${state}`) ?? "{name}").replace("{name}", name));
    const list = this.querySelector("ul");
    const shown = [...(list?.children ?? [])].map((item) => item.textContent);
    if (!list || shown.join("\n") === words.join("\n")) return; // what is read aloud is not written again
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
