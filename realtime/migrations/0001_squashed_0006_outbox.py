import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import realtime.models

# Outbox stays small only if its dead rows are removed at once; Event is append-only but for scrubbing
# and trimming; the row of Log is updated at every sequencing, in place if its page has room.
STORAGE = {
    "realtime_log": "fillfactor = 10",
    "realtime_pending": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_vacuum_cost_delay = 0",
    "realtime_event": "autovacuum_vacuum_insert_scale_factor = 0.05",
    "realtime_key": "fillfactor = 70",
}


def storage(table: str, options: str) -> Operation:
    """Sets storage options of a table, for which Django has no operation."""
    names = ", ".join(option.split("=")[0].strip() for option in options.split(","))
    return migrations.RunSQL(f"ALTER TABLE {table} SET ({options})", f"ALTER TABLE {table} RESET ({names})")


class Migration(migrations.Migration):
    """Makes a new database. The files that it replaces migrate one that was begun with them, until the next release."""

    replaces = [
        ('realtime', '0001_initial'),
        ('realtime', '0002_storage'),
        ('realtime', '0003_access'),
        ('realtime', '0004_promised'),
        ('realtime', '0005_event_by_key'),
        ('realtime', '0006_outbox'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Key',
            fields=[
                ('key', models.TextField(primary_key=True, serialize=False)),
                ('version', models.BigIntegerField(db_default=0, default=0)),
                ('topics', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], default=list, size=None)),
                ('kind', models.TextField(db_default='', default='')),
            ],
        ),
        migrations.CreateModel(
            name='Outbox',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.TextField()),
                ('key', models.TextField()),
                ('topics', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('left_topics', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], default=list, size=None)),
                ('time', models.DateTimeField(db_default=realtime.models.ClockTimestamp())),
                ('data', models.JSONField()),
                ('scrub', models.BooleanField(db_default=False, default=False)),
            ],
            options={
                'db_table': 'realtime_pending',
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('offset', models.BigIntegerField(primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('key', models.TextField()),
                ('topics', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('left_topics', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], default=list, size=None)),
                ('time', models.DateTimeField()),
                ('data', models.JSONField()),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['topics'], name='event_topics'), django.contrib.postgres.indexes.GinIndex(realtime.models.SingletonArray('key'), name='event_by_key'), models.Index(condition=models.Q(('kind', 'user.access.changed')), fields=['time'], name='event_access')],
            },
        ),
        migrations.CreateModel(
            name='Log',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('epoch', models.TextField()),
                ('cluster', models.TextField()),
                ('head', models.BigIntegerField(db_default=0, default=0)),
                ('trimmed', models.BigIntegerField(db_default=0, default=0)),
                ('scrubbed', models.BigIntegerField(db_default=0, default=0)),
                ('promised', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='log_is_one')],
            },
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('state', models.CharField(choices=[('PENDING', 'queued'), ('STARTED', 'started'), ('PROGRESS', 'in progress'), ('RETRY', 'waiting to try again'), ('SUCCESS', 'done'), ('FAILURE', 'failed'), ('REVOKED', 'cancelled')], default='PENDING', max_length=10)),
                ('percent', models.PositiveSmallIntegerField(default=0)),
                ('step', models.TextField(blank=True, default='')),
                ('about', models.TextField(blank=True, default='')),
                ('by', models.BigIntegerField(blank=True, null=True)),
                ('args', models.JSONField(blank=True, default=list)),
                ('kwargs', models.JSONField(blank=True, default=dict)),
                ('result', models.JSONField(blank=True, null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('queued', models.DateTimeField(auto_now_add=True)),
                ('started', models.DateTimeField(blank=True, null=True)),
                ('heartbeat', models.DateTimeField(blank=True, null=True)),
                ('finished', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-queued'],
                'indexes': [models.Index(fields=['about', '-queued'], name='task_about'), models.Index(fields=['state', 'queued'], name='task_state')],
            },
        ),
        *(storage(table, options) for table, options in STORAGE.items()),
    ]
