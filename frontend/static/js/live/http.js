/** An answer that refuses the request. `wait` is the time that its Retry-After asks for, in ms. */
export class HttpError extends Error {
  static MAX_RETRY_AFTER_MS = 600_000; // a mistyped header must not silence a page for a day

  /** @param {Response} answer */
  constructor(answer) {
    super(`${answer.status} from ${new URL(answer.url || location.href).pathname}`);
    this.status = answer.status;
    this.wait = retryAfter(answer.headers.get("Retry-After"));
  }
}

const TIMEOUT_MS = 10_000; // a connection that was kept open may be long dead

/**
 * Gets an address of this site as it is now, past every cache. Any answer but "not now" (429, 5xx)
 * is returned; that one is thrown as an `HttpError`.
 *
 * @param {string | URL} url
 */
export async function get(url) {
  const answer = await fetch(url, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status >= 500 || answer.status === 429) throw new HttpError(answer);
  return answer;
}

/**
 * @param {string | null} header seconds or a date (RFC 9110, 10.2.3)
 * @returns {number | undefined} ms
 */
function retryAfter(header) {
  if (!header) return undefined;
  const wait = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), HttpError.MAX_RETRY_AFTER_MS);
}
