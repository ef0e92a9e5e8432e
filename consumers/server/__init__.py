"""The edge: our own server. The only room that knows Daphne and Twisted; no other server loads it."""
