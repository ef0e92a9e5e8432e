"""The measurements of docs/performance.md: `make bench` from the top of the project."""
