"""The load generator: a program in C that is many readers, and the class that drives it."""
