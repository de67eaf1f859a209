"""Indexes that only PostgreSQL has."""

import pytest
from django.db import connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="they are PostgreSQL's"),
]
PARTS = {"user_username_key", "group_name_key", "group_description", "task_title", "task_description"}


def test_parts_of_texts_are_found_by_an_index():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%gin_trgm_ops%'")
        assert {name for (name,) in cursor.fetchall()} == {f"{part}_parts" for part in PARTS}


@pytest.mark.parametrize(
    ("table", "condition"),
    [
        ("tasks_task", "UPPER(title::text) LIKE UPPER('%genome%')"),
        ("accounts_user", "username_key::text LIKE '%alice%'"),
    ],
)
def test_they_fit_what_django_asks(table, condition):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT * FROM {table} WHERE {condition}")
        assert "_parts" in str(cursor.fetchall())
