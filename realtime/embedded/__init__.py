"""The embedded default: PostgreSQL and Valkey as private processes, and the supervisor of all of `live`.

account     who the servers run as, and where their files can lie
programs    the servers' binaries, out of the packages that bring them
child       one process to start, and what becomes of it when its parent dies
supervisor  starts children, keeps them, stops them in order
postgres, valkey
backing     both of them, or what the environment names instead
datadir     DATA_DIR: the lock, run.json, the secret key
doorstep    answers 503 until the first edge is up
"""
