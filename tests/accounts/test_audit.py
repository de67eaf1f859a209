"""The audit log: what an entry holds, and that nobody changes one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import audit, services
from accounts.jobs import purge
from accounts.models import AppendOnly, AuditEntry
from tests.conftest import PASSWORD


def test_an_entry_outlives_those_it_speaks_of(alice, bob):
    audit.record("group_left", actor=alice, target=bob, address="10.0.0.1", group=alice.pk, count=3)
    alice.delete()
    bob.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.target_type, entry.target_label) == ("alice", "user", "bob")
    assert (entry.address, entry.details["count"]) == ("10.0.0.1", 3)
    assert str(entry) == "alice: group_left bob"


def test_somebody_and_nothing_are_named_by_nothing(db):
    audit.record("started", actor=None, target=None)
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.actor_name, entry.target_id, entry.address) == (None, "", "", "")
    assert str(entry) == "somebody: started"


def test_details_are_bounded(alice):
    audit.record("x", actor=alice, target=None, text="x" * 3000)
    assert AuditEntry.objects.get().details == {"left_out": "3012 characters"}


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.update(action="y"),
        lambda entry: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(actor_name=""),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["action"]),
        lambda entry: AuditEntry.objects.update_or_create(pk=entry.pk, defaults={"action": "y"}),
        lambda entry: AuditEntry(pk=entry.pk, action="y").save(),
        lambda entry: AuditEntry.objects.bulk_create(
            [AuditEntry(pk=entry.pk, action="y")],
            update_conflicts=True,
            update_fields=["action"],
            unique_fields=["id"],
        ),
    ],
)
def test_nobody_changes_or_deletes_one(alice, change):
    audit.record("x", actor=alice, target=None)
    entry = AuditEntry.objects.get()
    with pytest.raises(
        Exception
    ) as error:  # a key that is there already is the database's own word
        change(entry)
    assert error.type.__name__ in {AppendOnly.__name__, "IntegrityError"}


def test_old_entries_are_purged(alice, settings):
    settings.AUDIT_DAYS = 2
    audit.record("new", actor=alice, target=None)
    old = timezone.now() - timedelta(days=2.1)
    AuditEntry.objects.bulk_create([AuditEntry(action="old", created=old)])
    purge()
    assert AuditEntry.objects.get().action == "new"


def test_entries_have_the_address_of_the_request(alice, api):
    body = {"old_password": PASSWORD, "new_password": "another-good-one-23"}
    api(alice).post("/api/users/me/password/", body, REMOTE_ADDR="10.0.0.7")
    assert AuditEntry.objects.get().address == "10.0.0.7"
    assert audit.current_address.get() == "", "and forgotten with the request"


def test_a_deletion_is_recorded_with_who_did_it(alice, bob):
    services.remove_user(alice, by=bob)
    services.delete_account(user=bob, password=PASSWORD)
    own, by_other = AuditEntry.objects.all()
    assert (by_other.actor_name, by_other.target_label) == ("bob", "alice")
    assert (own.actor_name, own.target_label, own.action) == ("bob", "bob", "account_deleted")
