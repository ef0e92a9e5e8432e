/** @import { LiveEvent } from "./frames.js" */

/**
 * What the transport needs of the page that it serves: types alone, so that live/ imports nothing
 * of it, and a test can put anything there.
 *
 * @typedef {object} LivePage
 * @property {() => Set<string>} topics what the page names, to be followed
 * @property {(events: LiveEvent[]) => void} apply changes the page by events, oldest first
 * @property {boolean} isIncomplete whether a fresh page would show more than this one can know of
 * @property {(isForAnotherReader?: boolean) => Promise<string>} refresh makes the page like a fresh one; returns the fresh page's position
 * @property {(missed: number | null, isHeld: boolean) => Promise<string>} catchUp the same after a reset, which says how many events were missed
 * @property {() => Promise<void>} load closes a part of the gap above a list
 * @property {() => Promise<string>} jump shows the newest instead; returns its position
 *
 * @typedef {"live" | "catching-up" | "reconnecting" | "offline" | "delayed"} ConnectionState
 *
 * @typedef {object} StatusDisplay
 * @property {(state: ConnectionState) => void} show
 * @property {(isPaused: boolean) => void} paused
 * @property {(count: number) => void} waiting events held back by a pause, counted by object
 * @property {(count: number | undefined) => void} readers of this page now; undefined: not known
 * @property {(time: Date) => void} updated the time of the last change
 */

export {};
