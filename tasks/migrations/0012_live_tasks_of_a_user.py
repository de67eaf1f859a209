from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tasks', '0011_lost_work')]

    operations = [
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['creator', 'status'], name='task_creator_status'),
        ),
    ]
