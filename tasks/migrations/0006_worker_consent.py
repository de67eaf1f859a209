from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tasks", "0005_task_history")]

    operations = [
        migrations.AddField(model_name="worker", name="consent", field=models.JSONField(blank=True, default=dict)),
    ]
