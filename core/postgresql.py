"""Indexes that PostgreSQL has beyond what all databases have. On the others they are nothing."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation

MAY_MAKE = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')
    OR EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')
       AND has_database_privilege(current_database(), 'CREATE')
"""


class _Index(Operation):
    """One that no model knows of. `_create` makes it."""

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
        """Each of them makes its own."""
        raise NotImplementedError


class PartOfText(_Index):
    """For `contains` on a text column, or with `any_case` for `icontains`: pg_trgm finds three
    letters or more.

    Where the server has no pg_trgm or the user may not make it there is none: then the same
    questions take longer.
    """

    def __init__(self, model: str, field: str, *, any_case: bool = False) -> None:
        self.model, self.field, self.any_case = model, field, any_case
        self._name = f"{model}_{field}_parts".lower()

    def describe(self) -> str:
        return f"Make parts of {self.field} of {self.model} quick to find"

    def _create(self, schema_editor: Any, models: Any, app_label: str) -> None:
        if not _may_make(schema_editor.connection):
            return
        meta = models.get_model(app_label, self.model)._meta
        text = f'"{meta.get_field(self.field).column}"::text'
        text = f"UPPER({text})" if self.any_case else text
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(
            f'CREATE INDEX {self._name} ON "{meta.db_table}" USING gin (({text}) gin_trgm_ops)'
        )


def _may_make(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(MAY_MAKE)
        return bool(cursor.fetchone()[0])


class Beside(_Index):
    """Rows of the same `first`, newest first, with the text in `field` beside their keys (some 100
    letters at most).

    A question about one or two letters has to look at each text: here they lie close together.
    `core.pagination` asks so that this index is enough.
    """

    def __init__(self, model: str, first: str, field: str) -> None:
        self.model, self.first, self.field = model, first, field
        self._name = f"{model}_{first}_{field}".lower()

    def describe(self) -> str:
        return f"Keep {self.field} of {self.model} beside {self.first}"

    def _create(self, schema_editor: Any, models: Any, app_label: str) -> None:
        meta = models.get_model(app_label, self.model)._meta
        first, created, key, text = (
            f'"{meta.get_field(name).column}"'
            for name in (self.first, "created", meta.pk.name, self.field)
        )
        schema_editor.execute(
            f'CREATE INDEX {self._name} ON "{meta.db_table}" ({first}, {created} DESC) INCLUDE ({key}, {text})'
        )
