/** The ticket's rights ended, or its user signed out: come back with a new ticket, or without one. */
export const SIGNED_OUT = 4401;

/** No room now: come back after a longer wait than after a cut. */
export const TRY_LATER = 4013;

/** The connection ended without a close frame (RFC 6455, 7.1.5). */
export const ABNORMAL_CLOSURE = 1006;

/** @param {number} code whether the server chose it, so that the server was reached */
export function isFromServer(code) {
  return code >= 4000 && code <= 4999;
}

/** @param {number} code whether the server asks not to come back (docs/protocol.md) */
export function isFinal(code) {
  return code >= 4500 && code <= 4999;
}
