/**
 * @typedef {{id: string, event: string, data: string}} EventStreamBlock of an event stream
 */

/**
 * Yields the blocks of an event stream (`text/event-stream`, WHATWG HTML 9.2) as they arrive.
 *
 * The browser's own EventSource reconnects by itself and hides the status and the Retry-After of a
 * refusal, so the stream is fetched and parsed here.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<EventStreamBlock>}
 */
export async function* readEventStream(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // a CR at the end of a chunk may be the first half of a CRLF
      const text = (rest + decoder.decode(value, { stream: true })).replace(/\r\n|\r(?!$)/g, "\n");
      const parts = text.split("\n\n");
      rest = parts.pop() ?? "";
      yield* parts.map(parse);
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection may be gone already
  }
}

/** @param {string} text */
function parse(text) {
  const block = { id: "", event: "", data: "" };
  for (const line of text.split("\n")) {
    const [, name, value] = /^(id|event|data)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name === "data" && block.data) block.data += `\n${value ?? ""}`;
    else if (name) block[/** @type {keyof EventStreamBlock} */ (name)] = value ?? "";
  }
  return block;
}
