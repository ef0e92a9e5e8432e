/**
 * The bundle that pages for writers load besides the reader's. It opens no connection: what it has to
 * say goes to the reader's bundle by events of `document`, so nothing is loaded or done twice.
 */
import { PressComposer } from "./desk/press-composer.js";
import { PressPeople } from "./desk/press-people.js";
import { WriterPresence } from "./desk/writer-presence.js";
import { PRESENCE_SOURCE } from "./live/document-events.js";

customElements.define("press-composer", PressComposer);
customElements.define("press-people", PressPeople);
// modules run in the order of the page, so the reader's bundle listens by now; without it, writing works alone
document.dispatchEvent(new CustomEvent(PRESENCE_SOURCE, { detail: new WriterPresence() }));
