from django.db import migrations, models

from core.postgresql import Beside


class Migration(migrations.Migration):

    dependencies = [('tasks', '0008_indexes')]

    operations = [
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['group', 'kind', '-created'], name='task_group_kind'),
        ),
        Beside('task', 'group', 'title'),
    ]
