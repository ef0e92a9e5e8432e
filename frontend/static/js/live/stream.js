import { readEventStream } from "./event-stream.js";
import { Requests } from "./requests.js";

/**
 * The second choice: Server-Sent Events, for networks that let no WebSocket through.
 *
 * A stream opens with a block that holds its position. Where a proxy keeps answers back until they are
 * complete, that block does not come, and this transport counts as blocked.
 */
export class Stream extends Requests {
  name = "stream";
  timeout = 1_500; // one round trip, on a connection that is open already

  /** @param {AbortSignal} signal */
  async follow(signal) {
    const answer = await this.fetch("/live/stream", { since: this.cursor.since }, signal);
    if (!answer.body) return;
    /** @type {ReturnType<typeof this.accepted> | undefined} */
    let isNew;
    for await (const { id, event, data } of readEventStream(answer.body)) {
      if (signal.aborted) return;
      if (!id && !data) continue; // a comment that keeps the connection open
      isNew ??= this.accepted(this.cursor.since || id);
      if (data) this.#handOnBlock(event, JSON.parse(data), isNew);
      else this.onFrame({ type: "heartbeat", position: id });
      if (id) this.cursor.at = id;
    }
  }

  /**
   * @param {string} event
   * @param {any} frame
   * @param {(event: any) => boolean} isNew
   */
  #handOnBlock(event, frame, isNew) {
    if (event === "reset" || event === "leaving") this.onFrame({ ...frame, type: event });
    else if (frame.key && isNew(frame)) this.onFrame({ ...frame, type: "event" });
  }
}
