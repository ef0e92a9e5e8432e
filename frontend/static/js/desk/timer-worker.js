/** A worker that wakes its page: the timers of a hidden page are slowed down, a worker's are not. */
setInterval(() => postMessage("tick"), 10_000);
