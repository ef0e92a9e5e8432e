"""Tests that one of the two is known to fail, with the reason."""

# by the beginning of a test's name, up to and with the protocol's
DEVIATIONS: dict[str, str] = {}
