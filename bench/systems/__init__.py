"""The systems that are measured: how each is installed, started, read and published to."""
