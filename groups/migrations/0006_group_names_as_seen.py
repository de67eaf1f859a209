from django.db import IntegrityError, migrations, transaction

from firmlight_client.text import as_seen


def compare_as_seen(apps, schema_editor):
    """Leave out of the keys of group names what nobody sees; where two meet, one stays as it is."""
    groups = apps.get_model("groups", "Group").objects
    for group in groups.only("name_key").order_by("pk").iterator():
        key = " ".join(as_seen(group.name_key).split())
        if key in ("", group.name_key):
            continue
        try:
            with transaction.atomic():
                groups.filter(pk=group.pk).update(name_key=key)
        except IntegrityError:
            continue


class Migration(migrations.Migration):
    dependencies = [("groups", "0005_bars_outlive_accounts")]

    operations = [
        migrations.RunPython(compare_as_seen, migrations.RunPython.noop, elidable=True),
    ]
