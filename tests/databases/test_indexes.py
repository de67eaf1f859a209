"""Indexes that only PostgreSQL has."""

from uuid import uuid4

import pytest
from django.db import connection

from tasks.filters import TaskFilter
from tasks.selectors.visibility import tasks_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="they are PostgreSQL's"),
]
PARTS = {
    "user_username_key",
    "group_name_key",
    "group_description",
    "task_title",
    "task_description",
}


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


def test_one_or_two_letters_are_looked_for_where_titles_lie_together():
    with connection.cursor() as cursor:
        for way in (
            "seqscan",
            "bitmapscan",
            "indexscan",
        ):  # an index alone, if that is enough, however small the table
            cursor.execute(f"SET LOCAL enable_{way} = off")
    plans = [
        TaskFilter({"search": text}, tasks_of(uuid4())).qs.values_list("pk").explain()
        for text in ("qq", "qqq")
    ]
    assert ["Index Only Scan using task_group_title" in plan for plan in plans] == [True, False]
