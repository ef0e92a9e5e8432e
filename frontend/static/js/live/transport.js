/** @import { Frame } from "./frames.js" */

/**
 * @typedef {object} Transport one connection to the server, from `open()` to its end
 * @property {string} name `socket`, `stream` or `poll`
 * @property {string} proof the type of the first frame that only the server can have sent
 * @property {number} timeout ms to wait for that frame before the transport counts as blocked
 * @property {(frame: Frame) => void} onFrame set by its user
 * @property {(code: number, wait?: number) => void} onClose set by its user; `wait`: ms that the server asked for
 * @property {() => void} open
 * @property {(frame: any) => void} send
 * @property {() => void} close after it neither callback is called
 */

export {};
