/** A worker that sends its page a message every 10 s: the timers of a hidden page are slowed down, a worker's are not. */
setInterval(() => postMessage("tick"), 10_000);
