/**
 * Events of `document` by which the elements of a page speak to its connection. A bundle that holds
 * such elements needs nothing of the bundle that holds the connection.
 */

/** `detail` is a `PresenceSource` (presence.js): from now on it says where the reader is. */
export const PRESENCE_SOURCE = "live:presence-source";

/** What the reader does has changed: they began to type, paused, or saved. */
export const ACTIVITY = "live:activity";
