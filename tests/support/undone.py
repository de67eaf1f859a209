"""Whatever is done to the database here is undone, with transactions or, on MongoDB, without."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model

OURS = ("accounts", "groups", "tasks", "sessions")
Rows = dict[Any, dict[str, Any]]


@contextlib.contextmanager
def undone() -> Iterator[None]:
    if connection.features.supports_transactions:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
        return
    before = {model: _rows(model) for model in _models()}
    yield
    for model, rows in before.items():
        _put_back(model, rows)


def _models() -> list[type[Model]]:
    return [
        model
        for app in OURS
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
    ]


def _rows(model: type[Model]) -> Rows:
    return {row[model._meta.pk.attname]: row for row in model._base_manager.order_by().values()}


def _put_back(model: type[Model], before: Rows) -> None:
    after = _rows(model)
    wrong = [pk for pk in before.keys() | after.keys() if before.get(pk) != after.get(pk)]
    if wrong:
        model._base_manager.filter(pk__in=wrong)._raw_delete(connection.alias)
        model._base_manager.bulk_create(model(**before[pk]) for pk in wrong if pk in before)
