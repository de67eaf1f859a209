"""The API against its own OpenAPI schema: made-up requests, and answers as they are declared, never
a 5xx.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from rest_framework.permissions import SAFE_METHODS
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.permissions.world import World
from tests.support.undone import undone

EXAMPLES_MAX = 3  # made up at random, besides those at the bounds of each field
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
schema.app = get_wsgi_application()


@pytest.fixture
def owner(db):
    """Everything there is, and who owns it. A request must not close the connection that the test's
    transaction is on, which django.test.Client sees to likewise.
    """
    made, signals = World(), (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield made, {"Authorization": f"Bearer {made.pairs['owner'].access}"}
    for signal in signals:
        signal.connect(close_old_connections)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES_MAX,
    deadline=timedelta(seconds=10),
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_declared(owner, case):
    """Half of the requests name things that are there; traces in the database go after each that
    may leave some.
    """
    world, headers = owner
    route = case.operation.path.removeprefix("/").replace("{", "<uuid:").replace("}", ">")
    for name in case.path_parameters or {}:
        case.path_parameters[name] = str(world.key(route, "pk" if name == "id" else name))
    with contextlib.nullcontext() if case.method.upper() in SAFE_METHODS else undone():
        response = case.call(headers=headers)
    case.validate_response(response, checks=CHECKS)
