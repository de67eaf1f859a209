"""What Django needs for each database, from DATABASE_URL alone. Only this module asks which it is.

SQLite and PostgreSQL share one family of migrations. MongoDB has no auto-incremented keys, so
third-party apps that use such keys get configurations and migrations of their own there
(`core/mongodb`). Our apps have UUIDs and need neither.
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

PATIENCE_SECONDS = 10  # how long to wait for a server that does not answer


@dataclass(frozen=True)
class Family:
    """What the models and migrations of one kind of database need.

    `apps` maps a third-party app to the configuration that replaces it.
    """

    auto_field: str = "django.db.models.BigAutoField"
    routers: tuple[str, ...] = ()
    apps: dict[str, str] = field(default_factory=dict)
    migrations: dict[str, str] = field(default_factory=dict)  # app label -> module

    def apps_for(self, wanted: Sequence[str]) -> list[str]:
        """INSTALLED_APPS, with the replacements that this database needs."""
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
    """DATABASES["default"]. Raises ImproperlyConfigured for a database that we do not support.

    A writer on SQLite waits up to `busy_seconds` for another one. A process keeps at most
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


# A commit is on the disk before it counts; the cache is 16 MB.
SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;"


def _sqlite(busy_seconds: float) -> dict[str, Any]:
    return {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": busy_seconds,
            "init_command": SQLITE_PRAGMAS,
        },
    }


def _postgresql(options: dict[str, Any], connections_max: int) -> dict[str, Any]:
    """A pool keeps the connections, and opens none until it is asked.

    So Django must keep none itself: with CONN_MAX_AGE 0 it gives them back.
    """
    pool = {"min_size": 0, "max_size": connections_max, "max_idle": 60, "timeout": PATIENCE_SECONDS}
    return {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": {**options, "pool": pool}}


def _mongodb(url: str, connections_max: int) -> dict[str, Any]:
    """pymongo has a pool of its own, and reads the rest of the URL: log-in, TLS, replica set."""
    if not urlsplit(url).path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must name the database: mongodb://host/NAME")
    options = {"maxPoolSize": connections_max, "serverSelectionTimeoutMS": PATIENCE_SECONDS * 1000}
    return {"ENGINE": "django_mongodb_backend", "HOST": url, "OPTIONS": options}


def related(rows: QuerySet[Any], *names: str) -> QuerySet[Any]:
    """`rows` with what these foreign keys lead to, for long lists that are shown in pages.

    MongoDB makes its kind of join for every row before it sorts and cuts the list. So there a query
    for each name fetches what the page needs afterwards.
    """
    if _is_mongodb(settings.DATABASE_URL):
        return rows.prefetch_related(*names)
    return rows.select_related(*names)


def cut(rows: QuerySet[Any], bottom: int, top: int) -> QuerySet[Any]:
    """rows[bottom:top], with a cheap search for the rows of the page.

    Only the keys are looked for in the whole list, for which an index may be enough. Joins and
    counts are then made for the rows of the page alone. MongoDB would do all the work twice.
    """
    has_joins_or_counts = rows.query.select_related or rows.query.annotations
    if _is_mongodb(settings.DATABASE_URL) or not has_joins_or_counts:
        return rows[bottom:top]
    return rows.filter(pk__in=rows.prefetch_related(None).values("pk")[bottom:top])


def failures(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """Everything that the database may raise, and the exceptions `also`."""
    if not _is_mongodb(settings.DATABASE_URL):
        return (*also, DatabaseError)
    from pymongo.errors import PyMongoError  # Django does not wrap pymongo's errors

    return (*also, DatabaseError, PyMongoError)


def lost(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """What the database raises when it does not answer, and `also`. A retry may succeed."""
    if not _is_mongodb(settings.DATABASE_URL):
        return (*also, OperationalError)
    from pymongo.errors import ConnectionFailure, ExecutionTimeout

    return (*also, OperationalError, ConnectionFailure, ExecutionTimeout)
