from django.db import migrations

# pending stays small only if its dead rows are removed at once; event is append-only but for scrubbing
# and trimming; the row of log is updated at every sequencing, in place if its page has room.
STORAGE = {
    "realtime_log": "fillfactor = 10",
    "realtime_pending": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_vacuum_cost_delay = 0",
    "realtime_event": "autovacuum_vacuum_insert_scale_factor = 0.05",
    "realtime_key": "fillfactor = 70",
}


class Migration(migrations.Migration):
    dependencies = [("realtime", "0001_initial")]
    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET ({options})",
            f"ALTER TABLE {table} RESET ({', '.join(option.split('=')[0].strip() for option in options.split(','))})",
        )
        for table, options in STORAGE.items()
    ]
