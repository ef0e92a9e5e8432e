/** @import { Frame } from "./frames.js" */

/**
 * @typedef {object} Transport one connection to the server, from `open()` to its end
 * @property {string} name `socket`, `stream` or `poll`
 * @property {string} proof the type of the first frame that really came from the server
 * @property {number} timeout ms to wait for it before this way counts as blocked
 * @property {(frame: Frame) => void} onFrame set by who uses it
 * @property {(code: number, wait?: number) => void} onClose set by who uses it; `wait`: ms that the server asked for
 * @property {() => void} open
 * @property {(frame: any) => void} send
 * @property {() => void} close nothing is told any more
 */

export {};
