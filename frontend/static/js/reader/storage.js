/**
 * Returns a storage of the browser, or one that keeps nothing: where a site's data is blocked, even access
 * to the storage throws, and the page must work without it.
 *
 * @param {"sessionStorage" | "localStorage"} name the storage of this tab, or of all tabs
 * @returns {Pick<Storage, "getItem" | "setItem">}
 */
export function browserStorage(name) {
  try {
    return window[name];
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
}
