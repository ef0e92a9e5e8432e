"""The wire contract (docs/protocol.md), checked from outside on every transport with one expectation."""
