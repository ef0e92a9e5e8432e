/**
 * Keeps the window's title like the elements marked `data-live-title`, the last one first, so that a
 * withdrawn post's title leaves the tab with it. A title that was made of other words (of a form, of the
 * desk) is left alone.
 */
export class Title {
  #isOfElements = document.title === markedTitle();

  follow() {
    if (this.#isOfElements) document.title = markedTitle();
  }
}

function markedTitle() {
  const parts = [...document.querySelectorAll("[data-live-title]")].map((element) => element.textContent?.trim());
  return parts.filter(Boolean).reverse().join(" · ");
}
