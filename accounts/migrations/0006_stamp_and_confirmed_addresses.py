"""Addresses are unique among confirmed ones, and a stamp ends links and codes."""

import uuid
from typing import Any

from django.db import migrations, models

import accounts.models


def fill_address_keys(apps: Any, schema_editor: Any) -> None:
    """Each account gets a value of its own: its address if that is confirmed."""
    users = apps.get_model("accounts", "User").objects
    rows = users.order_by().values_list("pk", "email", "email_confirmed")
    for pk, email, is_confirmed in list(rows):
        key = email if is_confirmed else accounts.models.unconfirmed_key()
        users.filter(pk=pk).update(address_key=key)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_indexes")]

    operations = [
        migrations.AddField(
            "user", "stamp", models.UUIDField(default=uuid.uuid4, editable=False)
        ),
        migrations.AddField("devicerequest", "stamp", models.UUIDField(null=True)),
        migrations.AddField(
            "user",
            "address_key",
            models.CharField(default="", editable=False, max_length=254),
        ),
        migrations.RunPython(fill_address_keys, migrations.RunPython.noop),
        migrations.AlterField(
            "user",
            "address_key",
            models.CharField(
                default=accounts.models.unconfirmed_key,
                editable=False,
                max_length=254,
                unique=True,
            ),
        ),
        migrations.AlterField(
            "user", "email", models.EmailField(db_index=True, max_length=254)
        ),
    ]
