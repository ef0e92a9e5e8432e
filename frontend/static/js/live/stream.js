import { readEventStream } from "./event-stream.js";
import { Requests } from "./requests.js";

/**
 * The second choice: Server-Sent Events, for networks that let no WebSocket through.
 *
 * A stream opens with a block that says where it stands. Where a proxy keeps an answer back until
 * it is whole, that block does not come, and this way counts as blocked.
 */
export class Stream extends Requests {
  name = "stream";
  timeout = 1_500; // ms; the connection is open already, so this is one round trip

  /** @param {AbortSignal} signal */
  async follow(signal) {
    const answer = await this.fetch("/live/stream", { since: this.cursor.since }, signal);
    if (!answer.body) return;
    /** @type {ReturnType<typeof this.taken> | undefined} */
    let isNew;
    for await (const { id, event, data } of readEventStream(answer.body)) {
      if (signal.aborted) return;
      if (!id && !data) continue; // a comment that keeps the connection open
      isNew ??= this.taken(this.cursor.since || id);
      if (data) this.#tell(event, JSON.parse(data), isNew);
      else this.onFrame({ type: "heartbeat", position: id });
      if (id) this.cursor.at = id;
    }
  }

  /**
   * @param {string} event
   * @param {any} frame
   * @param {(event: any) => boolean} isNew
   */
  #tell(event, frame, isNew) {
    if (event === "reset" || event === "leaving") this.onFrame({ ...frame, type: event });
    else if (frame.key && isNew(frame)) this.onFrame({ ...frame, type: "event" });
  }
}
