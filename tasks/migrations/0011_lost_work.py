from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tasks', '0010_kind_attempts')]

    operations = [
        migrations.AddField(
            model_name='contribution',
            name='lost',
            field=models.PositiveIntegerField(
                default=0, help_text='How many subtasks it held when its lease ended without a result',
            ),
        ),
        # Django alone knows what follows: nothing changes in the database.
        migrations.AlterField(
            model_name='contribution',
            name='status',
            field=models.CharField(
                choices=[
                    ('working', 'working'), ('done', 'done'), ('failed', 'failed'), ('lost', 'lost'),
                    ('released', 'released'),
                ],
                default='done',
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name='contribution',
            name='copies',
            field=models.PositiveIntegerField(
                default=0, help_text='Subtasks it was given a second time and was faster with',
            ),
        ),
        migrations.AlterField(
            model_name='contribution',
            name='saved_seconds',
            field=models.FloatField(
                default=0.0, help_text='That those would still have taken the first worker, about',
            ),
        ),
        migrations.AlterField(
            model_name='contribution',
            name='wasted_seconds',
            field=models.FloatField(
                default=0.0, help_text='Computed on subtasks that another worker finished first',
            ),
        ),
        migrations.AlterField(
            model_name='subtaskfailure',
            name='traceback',
            field=models.TextField(blank=True, help_text='Its end', max_length=4000),
        ),
    ]
