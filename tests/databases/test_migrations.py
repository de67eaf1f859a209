"""The migrations make what the models say, on the database that the tests run on."""

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_all_have_run():
    call_command("migrate", check_unapplied=True, verbosity=0)
