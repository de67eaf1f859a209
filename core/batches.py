"""Deleting much without holding a database up: a batch at a time, and only for so long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet


def key_batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """Keys of these rows, PURGE_ROWS_MAX at a time, until none are left or PURGE_SECONDS_MAX are
    over.

    The caller deletes each batch before it takes the next one; what is left comes the next time.
    """
    ends = time.monotonic() + settings.PURGE_SECONDS_MAX
    while time.monotonic() < ends:
        keys = list(rows.order_by().values_list("pk", flat=True)[: settings.PURGE_ROWS_MAX])
        if keys:
            yield keys
        if len(keys) < settings.PURGE_ROWS_MAX:
            return


def delete_in_batches(rows: QuerySet[Any]) -> int:
    """Delete these rows in batches. Return how many, with what hung on them."""
    return sum(
        rows.model._default_manager.filter(pk__in=keys).delete()[0] for keys in key_batches(rows)
    )
