from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations

from realtime.models import SingletonArray


class Migration(migrations.Migration):
    """Makes the new index before it drops the old one, without a lock that writers would wait for."""

    atomic = False
    dependencies = [("realtime", "0004_promised")]
    operations = [
        AddIndexConcurrently("event", GinIndex(SingletonArray("key"), name="event_by_key")),
        RemoveIndexConcurrently("event", "event_key"),
    ]
