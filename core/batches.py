"""Delete many rows without blocking the database: in batches, and only for a limited time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet


def key_batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """The keys of these rows, PURGE_ROWS_MAX at a time, for at most PURGE_SECONDS_MAX.

    The caller deletes each batch before it takes the next one. Rows that are left are deleted the
    next time.
    """
    ends = time.monotonic() + settings.PURGE_SECONDS_MAX
    while time.monotonic() < ends:
        keys = list(rows.order_by().values_list("pk", flat=True)[: settings.PURGE_ROWS_MAX])
        if keys:
            yield keys
        if len(keys) < settings.PURGE_ROWS_MAX:
            return


def delete_in_batches(rows: QuerySet[Any]) -> int:
    """Delete these rows in batches. Return how many, with those that depended on them."""
    manager = rows.model._default_manager
    deleted = 0
    for keys in key_batches(rows):
        deleted += manager.filter(pk__in=keys).delete()[0]
    return deleted
