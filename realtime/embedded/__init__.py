"""The processes that `live` and `test` start: PostgreSQL, Valkey, and the application on them.

account              the account that the servers run as, and where their files can lie
programs             finds the servers' programs in the packages that bring them
psql                 finds psql, for `dbshell`
postgres, valkey     one private server of each
backing_services     both of them, or the servers that the environment names
child                one process to start, and what happens to it when its parent dies
supervisor           starts children, restarts those that die, stops them in order
app_processes        the children of `live`: commands of the start, edges, workers, schedule
rolling_restart      replaces children one after another, each by one that is ready
readiness            receives READY=1 from a child
datadir              DATA_DIR: the lock, run.json, the secret key
listening            the listening sockets of the edges, and a 503 until the first edge is up
schema               tells whether the database needs `migrate`
health               asks /healthz
browser              finds a Chromium for the tests
one_sentence_errors  one sentence in place of a traceback where the configuration is at fault
celery_cli           the same for `celery -A realtime ...`
"""
