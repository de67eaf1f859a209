"""Indexes for PostgreSQL alone; on other databases these operations do nothing."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation

MAY_MAKE = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')
    OR EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')
       AND has_database_privilege(current_database(), 'CREATE')
"""


class _Index(Operation):
    """An index that no model declares. Subclasses create it in `_create`."""

    reversible = True
    _name: str

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            self._create(schema_editor, to_state.apps, app_label)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX IF EXISTS {self._name}")

    def _create(self, schema_editor: Any, models: Any, app_label: str) -> None:
        """Create the index."""
        raise NotImplementedError


class PartOfText(_Index):
    """An index for `contains` on a text column, or with `any_case` for `icontains`.

    The extension pg_trgm finds three letters or more. Where the server has no pg_trgm, or the user
    may not create it, there is no index and these queries take longer.
    """

    def __init__(self, model: str, field: str, *, any_case: bool = False) -> None:
        self.model, self.field, self.any_case = model, field, any_case
        self._name = f"{model}_{field}_parts".lower()

    def describe(self) -> str:
        return f"Index parts of {self.field} of {self.model}"

    def _create(self, schema_editor: Any, models: Any, app_label: str) -> None:
        if not _may_make(schema_editor.connection):
            return
        meta = models.get_model(app_label, self.model)._meta
        text = f'"{meta.get_field(self.field).column}"::text'
        if self.any_case:
            text = f"UPPER({text})"  # as Django compares for `icontains`
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(
            f'CREATE INDEX {self._name} ON "{meta.db_table}" USING gin (({text}) gin_trgm_ops)'
        )


def _may_make(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(MAY_MAKE)
        return bool(cursor.fetchone()[0])


class Beside(_Index):
    """An index of rows by `first`, newest first, that includes the text in `field`.

    A search for one or two letters must look at every text, of some 100 characters at most: in the
    index they lie close together. `core.pagination` asks in a form that this index can answer.
    """

    def __init__(self, model: str, first: str, field: str) -> None:
        self.model, self.first, self.field = model, first, field
        self._name = f"{model}_{first}_{field}".lower()

    def describe(self) -> str:
        return f"Keep {self.field} of {self.model} beside {self.first}"

    def _create(self, schema_editor: Any, models: Any, app_label: str) -> None:
        meta = models.get_model(app_label, self.model)._meta
        names = (self.first, "created", meta.pk.name, self.field)
        first, created, key, text = (f'"{meta.get_field(name).column}"' for name in names)
        schema_editor.execute(
            f'CREATE INDEX {self._name} ON "{meta.db_table}" '
            f"({first}, {created} DESC) INCLUDE ({key}, {text})"
        )
