from django.db import migrations, models

VERIFY = [('none', 'none'), ('auto', 'auto'), ('sample', 'sample'), ('all', 'all')]


class Migration(migrations.Migration):

    dependencies = [("tasks", "0015_stored_file_names")]

    operations = [
        migrations.AddField(
            model_name='task',
            name='verify',
            field=models.CharField(choices=VERIFY, default='auto', max_length=6),
        ),
        migrations.AddField(
            model_name='task',
            name='verify_asked',
            field=models.CharField(blank=True, choices=VERIFY, max_length=6, default=''),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='task',
            name='verification',
            field=models.JSONField(null=True),
        ),
    ]
