from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("tasks", "0017_check_work_and_parts")]

    operations = [
        migrations.AddField(
            model_name='task',
            name='pending_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='withdrawn',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['pending_until'], name='task_pending_until'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['group', 'pending_until'], name='task_group_pending'),
        ),
    ]
