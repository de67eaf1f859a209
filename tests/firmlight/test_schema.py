"""The OpenAPI schema, as people read it in Swagger UI."""

import pytest
from drf_spectacular.generators import SchemaGenerator

SUMMARY_CHARS_MAX = 60
SCHEMA = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_short_summary(name):
    summary = OPERATIONS[name].get("summary", "")
    assert summary, "Add summary=… to its @extend_schema"
    assert len(summary) <= SUMMARY_CHARS_MAX
    assert not summary.endswith(".")


def test_no_two_operations_have_the_same_summary():
    summaries = [operation["summary"] for operation in OPERATIONS.values()]
    assert sorted(summaries) == sorted(set(summaries))
