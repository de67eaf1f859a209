"""What Django needs for each database, from DATABASE_URL alone. Nothing else in the project asks
which one it is.

SQLite and PostgreSQL share one family of migrations. MongoDB has no keys that count, so apps of
others that have such get configurations and migrations of their own there (`firmlight/mongodb`);
our apps have UUIDs and need neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import environ
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

if TYPE_CHECKING:
    from django.db.models import QuerySet

PATIENCE_SECONDS = 10  # with a server that does not answer


@dataclass(frozen=True)
class Family:
    """What the models and migrations of one kind of database share. `apps`: what stands in for an
    app of others.
    """

    auto_field: str = "django.db.models.BigAutoField"
    routers: tuple[str, ...] = ()
    apps: dict[str, str] = field(default_factory=dict)
    migrations: dict[str, str] = field(default_factory=dict)  # app label -> module

    def apps_for(self, wanted: Sequence[str]) -> list[str]:
        """INSTALLED_APPS from what is wanted."""
        return [self.apps.get(app, app) for app in wanted]


RELATIONAL = Family()
MONGODB = Family(
    auto_field="django_mongodb_backend.fields.ObjectIdAutoField",
    routers=("django_mongodb_backend.routers.MongoRouter",),
    apps={
        "django.contrib.auth": "core.mongodb.apps.MongoAuthConfig",
        "django.contrib.contenttypes": "core.mongodb.apps.MongoContentTypesConfig",
        "django_celery_beat": "core.mongodb.apps.MongoBeatConfig",
    },
    migrations={
        app: f"core.mongodb.migrations.{app}"
        for app in ("admin", "auth", "contenttypes", "django_celery_beat")
    },
)


def family(url: str) -> Family:
    return MONGODB if _is_mongodb(url) else RELATIONAL


def config(url: str, *, busy_seconds: float, connections_max: int) -> dict[str, Any]:
    """DATABASES["default"]. Raises ImproperlyConfigured for an address that names no database we
    run on.

    A writer on SQLite waits `busy_seconds` for another one; a process keeps at most
    `connections_max` connections to a server.
    """
    if _is_mongodb(url):
        return _mongodb(url, connections_max)
    found = environ.Env.db_url_config(url)
    match found.get("ENGINE", ""):
        case "django.db.backends.sqlite3":
            return found | _sqlite(busy_seconds)
        case "django.db.backends.postgresql":
            return found | _postgresql(found.get("OPTIONS", {}), connections_max)
    raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:///, postgres:// or mongodb://")


def _is_mongodb(url: str) -> bool:
    return url.startswith(("mongodb://", "mongodb+srv://"))


def _sqlite(busy_seconds: float) -> dict[str, Any]:
    return {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": busy_seconds,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
        },
    }


def _postgresql(options: dict[str, Any], connections_max: int) -> dict[str, Any]:
    """A pool keeps the connections, so Django must not (CONN_MAX_AGE 0 gives them back). It opens
    none until asked.
    """
    pool = {"min_size": 0, "max_size": connections_max, "max_idle": 60, "timeout": PATIENCE_SECONDS}
    return {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": {**options, "pool": pool}}


def _mongodb(url: str, connections_max: int) -> dict[str, Any]:
    """pymongo pools by itself. It reads the rest of the address: who logs in where, TLS, the
    replica set.
    """
    if not urlsplit(url).path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must name the database: mongodb://host/NAME")
    options = {"maxPoolSize": connections_max, "serverSelectionTimeoutMS": PATIENCE_SECONDS * 1000}
    return {"ENGINE": "django_mongodb_backend", "HOST": url, "OPTIONS": options}


def related(rows: QuerySet[Any], *names: str) -> QuerySet[Any]:
    """`rows` with what these foreign keys lead to, for long lists of which a page is shown: a join.

    MongoDB makes its kind of join for every row before it sorts and cuts the list. So there what
    the page needs is fetched afterwards, by a query for each name.
    """
    return (
        rows.prefetch_related(*names)
        if _is_mongodb(settings.DATABASE_URL)
        else rows.select_related(*names)
    )


def cut(rows: QuerySet[Any], bottom: int, top: int) -> QuerySet[Any]:
    """rows[bottom:top]. Only their keys are looked for in the whole list: what is joined to a row,
    or counted for it, comes in for these alone, and for the rest an index may be enough. MongoDB
    would do the whole twice.
    """
    if _is_mongodb(settings.DATABASE_URL) or not (
        rows.query.select_related or rows.query.annotations
    ):
        return rows[bottom:top]
    return rows.filter(pk__in=rows.prefetch_related(None).values("pk")[bottom:top])


def failures(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """Whatever the database may raise, and these. pymongo's own errors come through Django as they
    are.
    """
    if not _is_mongodb(settings.DATABASE_URL):
        return (*also, DatabaseError)
    from pymongo.errors import PyMongoError

    return (*also, DatabaseError, PyMongoError)


def lost(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """What it raises when it does not answer, or not now, and these: later the same may succeed."""
    if not _is_mongodb(settings.DATABASE_URL):
        return (*also, OperationalError)
    from pymongo.errors import ConnectionFailure, ExecutionTimeout

    return (*also, OperationalError, ConnectionFailure, ExecutionTimeout)
