from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tasks', '0009_filters')]

    operations = [
        migrations.AddField(
            model_name='task',
            name='split_attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='task',
            name='conclude_attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
