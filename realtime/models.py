"""The tables of the log, of the keys that were announced, and of jobs.

The first four are written by realtime.publish and realtime.log alone, tasks by realtime.jobs.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ClockTimestamp(Now):
    """The time of the statement. Now() is that of the transaction, which may have been open for a while."""

    def as_postgresql(self, compiler, connection, **context):  # type: ignore[no-untyped-def]
        return self.as_sql(compiler, connection, template="CLOCK_TIMESTAMP()", **context)


class Log(models.Model):
    """The log's one row: its epoch, and the offsets up to which it goes and was trimmed."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.TextField()
    cluster = models.TextField()  # the cluster that the epoch was made on; another cluster makes another epoch
    head = models.BigIntegerField(default=0, db_default=0)
    trimmed = models.BigIntegerField(default=0, db_default=0)
    scrubbed = models.BigIntegerField(default=0, db_default=0)
    promised = models.DateTimeField(null=True)  # until then writers need not ring: realtime.polling_lease

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="log_is_one")]

    def __str__(self) -> str:
        return f"{self.epoch}-{self.head}"


class Outbox(models.Model):
    """An event that is written and has no offset yet: a hub moves it into the log.

    Ids come from an identity with CACHE 1, after the key's lock was taken: per key their order is
    the order of the commits.
    """

    kind = models.TextField()
    key = models.TextField()
    topics = ArrayField(models.TextField())
    left_topics = ArrayField(models.TextField(), default=list, db_default=[])
    time = models.DateTimeField(db_default=ClockTimestamp())
    data = models.JSONField()
    scrub = models.BooleanField(default=False, db_default=False)

    class Meta:
        # the name of before: processes of the last release write to it beside ours while one replaces the other
        db_table = "realtime_pending"

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class SingletonArray(models.Func):
    """The value of a column as an array of one: GIN indexes arrays."""

    template = "(ARRAY[%(expressions)s])"
    output_field = ArrayField(models.TextField())


class Event(models.Model):
    """An event in the log, at its offset."""

    offset = models.BigIntegerField(primary_key=True)
    kind = models.TextField()
    key = models.TextField()
    topics = ArrayField(models.TextField())
    left_topics = ArrayField(models.TextField(), default=list, db_default=[])
    time = models.DateTimeField()
    data = models.JSONField()

    class Meta:
        indexes = [
            GinIndex(fields=["topics"], name="event_topics"),
            # a withdrawal reads the earlier events of its key; a B-tree with few keys cost six times as much to keep
            GinIndex(SingletonArray("key"), name="event_by_key"),
            # an edge that starts reads the revocations of tickets that have not expired
            models.Index(fields=["time"], name="event_access", condition=models.Q(kind="user.access.changed")),
        ]

    def __str__(self) -> str:
        return f"{self.offset} {self.kind} {self.key}"


class Key(models.Model):
    """The version, topics and kind last announced of an object. It outlives the object, so versions never fall back.

    The row is the object's lock: a transaction that announces takes it just before COMMIT, and reads the state under
    it. `topics` are those that the object lived on, so that the next event can name those that it left.
    """

    key = models.TextField(primary_key=True)
    version = models.BigIntegerField(default=0, db_default=0)
    topics = ArrayField(models.TextField(), default=list, db_default=[])
    kind = models.TextField(default="", db_default="")

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


class Task(models.Model):
    """A job: written before its message is sent, moved under its lock by realtime.jobs.state_machine.

    A state that is final is left by a retry of a failure alone.
    """

    class State(models.TextChoices):
        PENDING = "PENDING", _("queued")
        STARTED = "STARTED", _("started")
        PROGRESS = "PROGRESS", _("in progress")
        RETRY = "RETRY", _("waiting to try again")
        SUCCESS = "SUCCESS", _("done")
        FAILURE = "FAILURE", _("failed")
        REVOKED = "REVOKED", _("cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    percent = models.PositiveSmallIntegerField(default=0)
    step = models.TextField(blank=True, default="")
    about = models.TextField(blank=True, default="")
    by = models.BigIntegerField(null=True, blank=True)
    args = models.JSONField(default=list, blank=True)
    kwargs = models.JSONField(default=dict, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    queued = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, blank=True)
    heartbeat = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-queued"]
        indexes = [
            models.Index(fields=["about", "-queued"], name="task_about"),
            models.Index(fields=["state", "queued"], name="task_state"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.state} {self.percent} %"
