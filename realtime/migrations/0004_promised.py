from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("realtime", "0003_access")]
    operations = [migrations.AddField("log", "promised", models.DateTimeField(null=True))]
