"""The frames that the brain sends besides answers about leases."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmlight_client import protocol
from firmlight_client.worker.brain.admission import Admission
from firmlight_client.worker.brain.connection import Connection
from firmlight_client.worker.brain.credit import Credit
from firmlight_client.worker.brain.lease_book import LeaseBook
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rules import Consent


@dataclass(frozen=True)
class Config:
    """What this worker is. `memory` is of earlier runs.

    `groups` are ids or names; without any it works for every group of its owner.
    """

    name: str
    slots: int
    groups: list[str]
    client_version: str
    platform: str
    consent: Consent = field(default_factory=Consent)
    memory: Memory = field(default_factory=Memory)


def hello(config: Config, admission: Admission, book: LeaseBook) -> protocol.Hello:
    """The first frame of a connection."""
    return protocol.Hello(
        name=config.name,
        slots=config.slots,
        kinds=admission.kinds,
        client_version=config.client_version,
        platform=config.platform,
        groups=admission.rulebook.wanted_keys(),
        leases=book.ids(),
        consent=admission.rulebook.consent_by_key(),
    )


def heartbeat(book: LeaseBook, credit: Credit) -> protocol.Heartbeat:
    """Renews the leases held."""
    return protocol.Heartbeat(leases=book.ids(), received=credit.received)


def ready(admission: Admission, connection: Connection, credit: Credit) -> protocol.Ready | None:
    """What the server does not know yet of credit and resting; None if it knows all."""
    resting = admission.rulebook.resting_by_key(admission.resting)
    resting_is_news = resting != connection.resting_sent
    if not credit.is_outdated and not resting_is_news:
        return None
    frame = protocol.Ready(slots=credit.offer(), received=credit.received)
    if resting_is_news:
        frame.resting = connection.resting_sent = resting
    return frame
