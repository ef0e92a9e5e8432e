"""The measurements of docs/performance.md: `make bench` from the top of the project."""


class Failed(Exception):
    """A measurement that could not be made, and why, in a sentence."""
