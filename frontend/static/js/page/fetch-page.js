import { HttpError, requestTimeout } from "../live/http-error.js";

/**
 * A page as the server makes it now. `isThere`: it is what the address stands for, and not what is
 * shown instead (404, 410, somewhere else).
 *
 * @typedef {{document: Document, position: string, isThere: boolean}} FetchedPage
 */

/**
 * @param {string | URL} url of this site
 * @returns {Promise<FetchedPage>}
 */
export async function fetchPage(url) {
  const answer = await fetch(url, { cache: "no-store", credentials: "same-origin", signal: requestTimeout() });
  if (answer.status >= 500 || answer.status === 429) throw new HttpError(answer);
  const document = new DOMParser().parseFromString(await answer.text(), "text/html");
  const moved = answer.redirected && new URL(answer.url).pathname !== new URL(url, location.href).pathname;
  const position = document.querySelector('meta[name="live-position"]')?.getAttribute("content") ?? "";
  return { document, position, isThere: answer.ok && !moved };
}
