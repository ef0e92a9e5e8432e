/**
 * What this browser keeps for the site, or nothing: where people block a site's data, even to ask for
 * the storage is an error, and a page must live without it.
 *
 * @param {"sessionStorage" | "localStorage"} name of this tab, or of all
 * @returns {Pick<Storage, "getItem" | "setItem">}
 */
export function browserStorage(name) {
  try {
    return window[name];
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
}
