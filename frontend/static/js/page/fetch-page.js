/**
 * @typedef {object} FetchedPage a page as the server makes it now
 * @property {Document} document
 * @property {string} position where in the log it stands
 * @property {boolean} isThere whether it is what the address stands for, and not what is shown instead (404, 410, another address)
 */

/**
 * @param {string | URL} url of this site
 * @param {(url: string | URL) => Promise<Response>} get fails where the server cannot answer now
 * @returns {Promise<FetchedPage>}
 */
export async function fetchPage(url, get) {
  const answer = await get(url);
  const document = new DOMParser().parseFromString(await answer.text(), "text/html");
  const moved = answer.redirected && new URL(answer.url).pathname !== new URL(url, location.href).pathname;
  const position = document.querySelector('meta[name="live-position"]')?.getAttribute("content") ?? "";
  return { document, position, isThere: answer.ok && !moved };
}
