import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0004_removal"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="joined_by_link",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="removal",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="removals",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
