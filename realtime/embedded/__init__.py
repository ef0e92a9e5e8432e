"""What `live` and `test` start: PostgreSQL and Valkey as private processes, and everything else beside them.

account     who the servers run as, and where their files can lie
programs    the servers' binaries, out of the packages that bring them
postgres, valkey
backing_services  both of them, or what the environment names instead
child       one process to start, and what becomes of it when its parent dies
supervisor  starts children, keeps them, stops them in order
app_processes  the children of `live`: commands of the start, edges, worker, schedule
rolling_restart  replaces children one after another, each by one that is ready
readiness   hears that a child is ready
datadir     DATA_DIR: the lock, run.json, the secret key
listening   the listening sockets, one for each edge, and a 503 until the first is up
schema      whether the database needs `migrate`
health      asks /healthz
browser     finds a Chromium for the tests
psql        finds psql for `dbshell`
one_sentence_errors  one sentence for what is not a bug
celery_cli  the same for `celery -A realtime ...`
"""
