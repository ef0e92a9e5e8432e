/** An answer that says no. `wait` is what its Retry-After asks for, in ms. */
export class HttpError extends Error {
  static MAX_RETRY_AFTER_MS = 600_000; // ms; a mistyped header must not silence a page for a day

  /** @param {Response} answer */
  constructor(answer) {
    super(`${answer.status} from ${new URL(answer.url || location.href).pathname}`);
    this.status = answer.status;
    this.wait = retryAfter(answer.headers.get("Retry-After"));
  }
}

/**
 * @param {string | null} header seconds or a date (RFC 9110, 10.2.3)
 * @returns {number | undefined} ms
 */
export function retryAfter(header) {
  if (!header) return undefined;
  const wait = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), HttpError.MAX_RETRY_AFTER_MS);
}

/** For a request that must not wait for ever: a connection that was kept open may be long dead. */
export function requestTimeout() {
  return AbortSignal.timeout(10_000);
}
