"""Requests to join, links, a group's settings, and a column that allows one owner only."""

import uuid
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import groups.models


def fill_owner_keys(apps: Any, schema_editor: Any) -> None:
    """As `Membership.save` does. One by one: there is no expression for it that every database has.
    """
    memberships = apps.get_model("groups", "Membership").objects
    for pk, group, role in memberships.values_list("pk", "group_id", "role"):
        memberships.filter(pk=pk).update(owner_key=str(group) if role == "owner" else f"not:{pk}")


STATES = [(word, word) for word in ("pending", "accepted", "declined", "expired", "withdrawn")]


def opening_fields() -> list[tuple[str, Any]]:
    return [
        ("id", models.UUIDField(db_column="_id", default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        ("status", models.CharField(choices=STATES, default="pending", editable=False, max_length=9)),
        ("pending_key", models.CharField(editable=False, max_length=80, unique=True)),
        ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
        ("answered", models.DateTimeField(blank=True, editable=False, null=True)),
    ]


def key_to(model: str, name: str, on_delete: Any = django.db.models.deletion.CASCADE, **more: Any) -> Any:
    return models.ForeignKey(on_delete=on_delete, related_name=name, to=model, **more)


class Migration(migrations.Migration):
    dependencies = [("groups", "0001_initial")]

    operations = [
        migrations.AddField(
            "group",
            "joining",
            models.CharField(choices=[("invited", "invited"), ("ask", "ask")], default="invited", max_length=7),
        ),
        migrations.AddField(
            "group",
            "submitting",
            models.CharField(choices=[("members", "members"), ("leaders", "leaders")], default="members", max_length=7),
        ),
        migrations.AddField(
            "membership",
            "submitting",
            models.CharField(
                choices=[("group", "group"), ("always", "always"), ("never", "never")], default="group", max_length=6
            ),
        ),
        migrations.AddField("membership", "owner_key", models.CharField(default="", editable=False, max_length=40)),
        migrations.RunPython(fill_owner_keys, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "membership", "owner_key", models.CharField(editable=False, max_length=40, unique=True)
        ),
        migrations.AlterField(
            "invitation", "status", models.CharField(choices=STATES, default="pending", editable=False, max_length=9)
        ),
        migrations.CreateModel(
            "JoinRequest",
            [
                *opening_fields(),
                ("expires", models.DateTimeField(default=groups.models.request_end)),
                ("group", key_to("groups.group", "join_requests")),
                ("user", key_to(settings.AUTH_USER_MODEL, "join_requests")),
            ],
            options={"ordering": ("-created", "id"), "abstract": False},
        ),
        migrations.CreateModel(
            "InviteLink",
            [
                opening_fields()[0],
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("uses_left", models.PositiveIntegerField()),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires", models.DateTimeField()),
                (
                    "creator",
                    key_to(
                        settings.AUTH_USER_MODEL, "invite_links", django.db.models.deletion.SET_NULL, null=True
                    ),
                ),
                ("group", key_to("groups.group", "links")),
            ],
            options={"ordering": ("-created", "id")},
        ),
    ]
