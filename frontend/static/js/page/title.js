/**
 * The window's title follows the page: what the elements marked `data-live-title` say, the last
 * one first. A withdrawn post's title leaves the tab with it. Where the title never said what they
 * say (a form, the desk) it is left alone.
 */
export class Title {
  #follows = document.title === said();

  follow() {
    if (this.#follows) document.title = said();
  }
}

function said() {
  const parts = [...document.querySelectorAll("[data-live-title]")].map((element) => element.textContent?.trim());
  return parts.filter(Boolean).reverse().join(" · ");
}
