"""How many rows of a kind one user or group may have.

The caller looks before it inserts (`is_full`), inserts, and looks again (`is_over`); if there are
too many now, it deletes its own row and refuses. Each caller's row is committed before it counts,
so of two that race for the last place the later one sees both rows: no more than `most` stay, on
SQLite, PostgreSQL and MongoDB alike. What remains: both may see both, and both give up. Then a
place is free and the next request gets it. The second look must not be inside a transaction with
the insert, where rows of others are not seen yet.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet


def is_full(rows: QuerySet[Any], most: int) -> bool:
    """Whether there are `most` of these rows already; the database counts no further."""
    return rows.order_by().values("pk")[:most].count() >= most


def is_over(rows: QuerySet[Any], most: int) -> bool:
    """Whether there are more than `most` of these rows."""
    return is_full(rows, most + 1)
