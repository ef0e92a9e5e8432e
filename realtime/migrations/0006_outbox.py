from django.db import migrations


class Migration(migrations.Migration):
    """The model has another name, the table keeps its own: nothing is done in the database."""

    dependencies = [("realtime", "0005_event_by_key")]

    operations = [
        migrations.AlterModelTable(name="pending", table="realtime_pending"),
        migrations.RenameModel("Pending", "Outbox"),
    ]
