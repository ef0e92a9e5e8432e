/**
 * An event of `document`, before the page is made like a fresh one. `detail.isThere` says whether the
 * address still shows this page to its reader. If it does not, the content is about to be exchanged;
 * an element that would lose something by that prevents it (`preventDefault()`).
 */
export const REFRESH = "page:refresh";
