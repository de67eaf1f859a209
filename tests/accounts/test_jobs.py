"""The hourly purge of accounts; what each part deletes is tested beside that part."""

from datetime import timedelta

from django.utils import timezone

from accounts import services
from accounts.jobs import purge
from accounts.models import AuditEntry, DeviceRequest, Notification, Session
from accounts.notifications import notify

LONG_AGO = timedelta(days=5000)


def test_each_part_is_purged(alice):
    services.open_session(alice)
    Session.objects.update(expires=timezone.now() - LONG_AGO)
    DeviceRequest.objects.create(
        digest="d", user_code="c", scope="worker", name="n", expires=timezone.now() - LONG_AGO
    )
    notify([alice.pk], code="task_failed", level="error", text="The task has failed.")
    Notification.objects.update(created=timezone.now() - LONG_AGO)
    AuditEntry.objects.bulk_create([AuditEntry(action="old", created=timezone.now() - LONG_AGO)])
    purge()
    models = (Session, DeviceRequest, Notification)
    assert [model.objects.count() for model in models] == [0, 0, 0]
    assert not AuditEntry.objects.filter(action="old").exists()
