"""What PostgreSQL can do beyond what all databases can: find a part of a text among a million without reading them."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation

MAY_MAKE = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')
    OR EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')
       AND has_database_privilege(current_database(), 'CREATE')
"""


class PartOfText(Operation):
    """An index (pg_trgm) for `contains` on a text column, or with `any_case` for `icontains`.

    On other databases it is nothing, nor where the server has no pg_trgm or the user may not make it: then the same
    questions take longer.
    """

    reversible = True

    def __init__(self, model: str, field: str, *, any_case: bool = False) -> None:
        self.model, self.field, self.any_case = model, field, any_case

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Make parts of {self.field} of {self.model} quick to find"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql" or not self._may_make(schema_editor.connection):
            return
        meta = to_state.apps.get_model(app_label, self.model)._meta
        text = f'"{meta.get_field(self.field).column}"::text'
        text = f"UPPER({text})" if self.any_case else text
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(f'CREATE INDEX {self._name} ON "{meta.db_table}" USING gin (({text}) gin_trgm_ops)')

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX IF EXISTS {self._name}")

    @property
    def _name(self) -> str:
        return f"{self.model}_{self.field}_parts".lower()

    def _may_make(self, connection: Any) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(MAY_MAKE)
            return bool(cursor.fetchone()[0])
