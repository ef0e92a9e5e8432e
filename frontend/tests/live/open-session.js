/** A session whose server is the test, with recorders in place of the page and its status line. */
import { Cursor } from "../../static/js/live/cursor.js";
import { Identity } from "../../static/js/live/identity.js";
import { Presence } from "../../static/js/live/presence.js";
import { Session } from "../../static/js/live/session.js";
import { socketOnly } from "./test-socket.js";

/** The tickets of a reader who has not signed in. */
const anonymous = { current: "", age: Infinity, renew: async () => "" };

/** @param {{page: any, status: any, tickets?: any, position?: string}} parts */
export async function openSession({ page, status, tickets = anonymous, position = "e-1" }) {
  const connection = await socketOnly({ next: () => 0 });
  const send = (/** @type {object} */ frame) => connection.send(frame);
  const identity = new Identity(tickets, "en", send);
  const presence = new Presence(page, send, status);
  return new Session({ connection, cursor: new Cursor(position), page, identity, presence, status });
}
