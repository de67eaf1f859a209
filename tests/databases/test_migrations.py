"""The migrations make what the models say, on the database that the tests run on."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command

from accounts.models import User, unconfirmed_key
from groups.models import Group

pytestmark = pytest.mark.django_db


def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_all_have_run():
    call_command("migrate", check_unapplied=True, verbosity=0)


def test_accounts_from_before_get_a_key_of_their_own(make_user):
    """`address_key` came with 0006: only confirmed addresses are unique since then."""
    for name in ("ann", "ben"):
        make_user(name)
    User.objects.update(email="one@example.org")
    User.objects.filter(username="ben").update(email_confirmed=True, address_key=unconfirmed_key())
    import_module("accounts.migrations.0006_stamp_and_confirmed_addresses").fill_address_keys(
        apps, None
    )
    ann, ben = User.objects.order_by("username_key")
    assert ben.address_key == "one@example.org"
    assert ann.address_key.startswith("nobodys:")


def test_names_of_groups_from_before_are_compared_as_people_see_them(db):
    names = ("\u2764\ufe0f Lab", "Night\u2800Shift", "Twin", "Twin\ufe0f")
    Group.objects.bulk_create(Group(name=name, name_key=name.casefold()) for name in names)
    import_module("groups.migrations.0006_group_names_as_seen").compare_as_seen(apps, None)
    keys = set(Group.objects.values_list("name_key", flat=True))
    assert keys == {"\u2764 lab", "night shift", "twin", "twin\ufe0f"}, "one of two stays as it is"
