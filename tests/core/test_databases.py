"""DATABASE_URL alone says which database it is, and a bad one stops the start with its name."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core import databases

LIMITS = {"busy_seconds": 20, "connections_max": 7}


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "mongodb://host", "mongodb://host/", "nothing", "http://x/y"]
)
def test_an_unsupported_database_is_refused_with_the_name_of_the_setting(url, recwarn):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        databases.config(url, **LIMITS)


def test_postgresql_has_a_pool_and_keeps_its_own_options():
    found = databases.config("postgres://me:secret@host:5433/name?sslmode=require", **LIMITS)
    assert (found["HOST"], found["PORT"], found["NAME"], found["USER"]) == (
        "host",
        5433,
        "name",
        "me",
    )
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["OPTIONS"]["pool"]["max_size"] == 7
    assert found["CONN_MAX_AGE"] == 0


def test_mongodb_reads_its_address_itself():
    url = "mongodb+srv://me:secret@cluster.example.org/name?retryWrites=true"
    found = databases.config(url, **LIMITS)
    assert (found["ENGINE"], found["HOST"]) == ("django_mongodb_backend", url)
    assert found["OPTIONS"]["maxPoolSize"] == 7


def test_sqlite_waits_for_other_writers():
    assert databases.config("sqlite:////tmp/x", **LIMITS)["OPTIONS"]["timeout"] == 20


def test_apps_of_others_have_stand_ins_on_mongodb_and_nowhere_else():
    apps = ["django.contrib.auth", "accounts"]
    assert (
        databases.family("sqlite:///x").apps_for(apps)
        == databases.family("postgres://h/x").apps_for(apps)
        == apps
    )
    assert databases.family("mongodb://h/x").apps_for(apps) == [
        "core.mongodb.apps.MongoAuthConfig",
        "accounts",
    ]
