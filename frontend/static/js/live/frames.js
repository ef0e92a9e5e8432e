/**
 * The frames of the protocol (docs/protocol.md), as far as this client reads them.
 *
 * @typedef {{type: "welcome", protocol: number, epoch: string, heartbeat: number}} Welcome
 * @typedef {{type: "hello", user: number | null | undefined, name: string | null, expires: string | null}} Hello `user` undefined: the transport does not say
 * @typedef {{topic: string, code: string}} RefusedTopic
 * @typedef {{type: "subscribed", topics: string[], refused: RefusedTopic[], position: string, recovered: boolean, missed: number}} Subscribed
 * @typedef {{type: "unsubscribed", topics: string[], code: string}} Unsubscribed
 * @typedef {{type: "event", position: string, topics: string[], left: string[], kind: string, key: string, time: string, data?: any, html: Record<string, string>}} LiveEvent
 * @typedef {{type: "reset", topics: string[], position: string, missed: number | null, reason: string}} Reset
 * @typedef {{type: "heartbeat" | "pong", position: string}} PositionFrame
 * @typedef {{name: string, state: "viewing" | "typing" | "unsaved"}} Person
 * @typedef {{type: "presence", topic: string, readers: number, people?: Person[]}} Presence
 * @typedef {{type: "leaving", reconnect_in: [number, number]}} Leaving
 * @typedef {{type: "error", code: string, detail: string}} ErrorFrame
 * @typedef {{type: "released"}} Released not of the protocol: the reader ended a pause
 * @typedef {{type: "wanted", what: "load" | "jump" | "refresh"}} Wanted not of the protocol: the page is to be read, in order with the events
 * @typedef {Welcome | Hello | Subscribed | Unsubscribed | LiveEvent | Reset | PositionFrame | Presence | Leaving | ErrorFrame | Released | Wanted} Frame
 */

export {};
