import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0004_removal'),
        ('tasks', '0013_stored_files'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Standing',
            fields=[
                ('id', models.UUIDField(db_column='_id', default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=64)),
                ('version', models.CharField(max_length=64)),
                ('agreements', models.PositiveBigIntegerField(default=0)),
                ('agreements_total', models.PositiveBigIntegerField(default=0)),
                ('disagreements_total', models.PositiveBigIntegerField(default=0)),
                ('last_disagreement', models.DateTimeField(null=True)),
                ('noticed', models.DateTimeField(null=True)),
                ('changed', models.DateTimeField(default=django.utils.timezone.now)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='standings', to='groups.group')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='standings', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('kind', 'version', 'id'),
                'indexes': [models.Index(fields=['-changed'], name='standing_changed')],
                'constraints': [models.UniqueConstraint(fields=('group', 'owner', 'kind', 'version'), name='standing_group_owner_kind')],
            },
        ),
    ]
