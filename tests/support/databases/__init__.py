"""Databases for tests: the tests' own is named by DATABASE_URL, and every system that a test starts
gets a new one.

`python -m tests.support.databases postgres COMMAND …` starts a server of that kind, runs the
command with its DATABASE_URL, and stops it (`make test-postgres`, `make test-mongo`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from django.conf import settings

from embedded.home import Home
from tests.support import prepared


@contextlib.contextmanager
def fresh(var: Path | None = None) -> Iterator[dict[str, str]]:
    """The environment of a system of its own: an empty database beside that of the tests, gone
    afterwards.

    On SQLite the environment is empty: a system has its file in its folder. If that is named here,
    as `var`, the database has all tables already, but on MongoDB.
    """
    url, name = settings.DATABASE_URL, f"firmlight_{uuid4().hex[:12]}"
    if url.startswith("sqlite:"):
        if var:
            prepared.lay_database(Home(var).database)
        yield {}
        return
    beside = url_of(url, name)
    with _on_postgres(name, bool(var)) if on_postgres() else _on_mongo(beside, name):
        yield {"DATABASE_URL": beside}


def queries_max(most: int, *, joins: int) -> int:
    """How many queries a long list may take: on MongoDB each of its joins is one more
    (`databases.related`).
    """
    return most + joins if settings.DATABASE_URL.startswith("mongodb") else most


def url_of(url: str, name: str) -> str:
    """The address of the database `name` on the server of this one."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}"))


def on_postgres() -> bool:
    return settings.DATABASE_URL.startswith("postgres")


def template() -> str:
    """On PostgreSQL: the name of a database with all tables, to be copied."""
    return prepared.template(_create)


def drop_template() -> None:
    """Harmless if there is none."""
    if name := prepared.template_made():
        _on_server(f'DROP DATABASE "{name}"')


@contextlib.contextmanager
def _on_postgres(name: str, has_tables: bool) -> Iterator[None]:
    _create(name, template() if has_tables else "template1")
    try:
        yield
    finally:
        _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


def _create(name: str, like: str = "template1") -> str:
    """Create it as a copy of this one; returns its URL."""
    _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
    return url_of(settings.DATABASE_URL, name)


def _on_server(statement: str) -> None:
    with connect(url_of(settings.DATABASE_URL, "postgres")) as server:
        server.execute(statement)


@contextlib.contextmanager
def _on_mongo(url: str, name: str) -> Iterator[None]:
    """It comes with the first thing that is written."""
    from pymongo import MongoClient

    try:
        yield
    finally:
        client: MongoClient[Any] = MongoClient(url)
        with client:
            client.drop_database(name)


def connect(url: str) -> Any:
    """A connection to PostgreSQL in which each statement stands alone."""
    import psycopg

    parts = urlsplit(url)
    folder, _, name = parts.path[1:].rpartition("/")  # a socket's folder stands in the path
    return psycopg.connect(
        dbname=name,
        host=folder or parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        autocommit=True,
    )


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Nobody else can write, nor begin to, while this lasts. MongoDB has no such lock: there
    nothing happens.
    """
    if url.startswith("sqlite:"):
        lock = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        with contextlib.closing(lock):
            yield
    elif url.startswith("postgres"):
        with connect(url) as lock, lock.transaction():
            tables = lock.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            lock.execute(f"LOCK TABLE {', '.join(name for (name,) in tables)} IN EXCLUSIVE MODE")
            yield
    else:
        yield
