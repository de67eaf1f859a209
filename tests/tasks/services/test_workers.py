"""Which clients are too old for this server."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tasks.services import workers


@pytest.mark.parametrize(
    "version",
    ["0.1.0", "0.1", "0.1.0.0", "0.1.1", "0.10", "1", "0.1.0+rust", "0.1.0-rust-worker", "v0.1.0"],
)
def test_this_client_is_not_too_old(settings: Settings, version: str) -> None:
    settings.CLIENT_VERSION_MIN = "0.1.0"
    assert workers.update_of(version) == ""


@pytest.mark.parametrize(
    "version", ["0.0.9", "0", "0.1.0.dev3", "0.1.0rc1", "0.0.9-rust-worker", "", "rust", "0..1"]
)
def test_this_client_is_too_old(settings: Settings, version: str) -> None:
    settings.CLIENT_VERSION_MIN = "0.1.0"
    assert workers.update_of(version).startswith(f"This client is {version}; the server needs")


def test_a_version_that_is_shorter_is_not_older(settings: Settings) -> None:
    settings.CLIENT_VERSION_MIN = "0.2"
    assert workers.update_of("0.2.0") == ""
    settings.CLIENT_VERSION_MIN = "0.2.0"
    assert workers.update_of("0.2") == ""


def test_where_none_is_needed_a_worker_may_say_anything(settings: Settings) -> None:
    settings.CLIENT_VERSION_MIN = "0.dev0"
    assert workers.update_of("rust") == ""
