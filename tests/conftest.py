"""Fixtures for all tests: a real Redis, a real database in a file, three people and a group of two
of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from _pytest.nodeid import NodeId
from django.conf import settings
from django.db import connections
from django.test import Client, override_settings
from rest_framework.test import APIClient
from xdist.scheduler import LoadScopeScheduling

from accounts import services as accounts
from accounts.models import Notification, User
from core.metrics import recording
from embedded.system import System
from firmlight_client import kinds
from firmlight_client.sdk import task_state
from groups import services as groups
from groups.models import Group, Membership
from tests import plugin
from tests.support import databases, needed, order, prepared
from tests.support.databases import fresh
from tests.support.hard import installed
from tests.support.scrape import Scrape
from tests.support.systems import SHORT

PASSWORD = "correct-horse-battery"
ON_SQLITE = settings.DATABASE_URL.startswith("sqlite:")
ONE_OF_SEVERAL = "PYTEST_XDIST_WORKER" in os.environ

# On a busy machine any example may take a second; Hypothesis allows a fifth of one.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# What runs in one test process, one after the other, because it shares a whole system there; all
# else goes by file.
TOGETHER = {
    "tests/failover/": "failover",
    "tests/databases/test_backup": "failover",
    "tests/deploy/test_caddy": "failover",
    "tests/e2e/": "people",
    "tests/system/": "people",
}
# They start one of their own, or none.
ALONE = (
    "tests/failover/test_silence",
    "tests/failover/test_upgrade",
    "tests/system/test_access",
    "tests/system/test_scaled_out",
)

# Who uses one of these, or the mark `django_db`, uses the database, and is marked `storage`:
# pytest-django keeps it shut for everybody else. A test that starts a system of its own on the
# database says so itself.
ON_DATABASE = {"db", "transactional_db", "system"}
# Of these, what does the same whichever database there is.
APART_FROM_STORAGE = ("tests/deploy/", "tests/e2e/", "tests/embedded/", "tests/failover/")


def scope_of(nodeid: str) -> str:
    """What runs in one test process together with this test: a group's name or a file."""
    if not nodeid.startswith(ALONE):
        for start, group in TOGETHER.items():
            if nodeid.startswith(start):
                return group
    return nodeid.partition("::")[0]


class ByGroup(LoadScopeScheduling):
    """pytest-xdist's own `loadgroup` does nothing with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByGroup(config, log)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last lines say which tests did not run for want of a program, and what would bring it."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])]
    for line in needed.skipped(reasons):
        terminalreporter.write_line(line)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what depends on storage, before `-m` chooses. And schemathesis gives all its tests one
    id, and of those pytest-xdist would run one.
    """
    if uses_database(item) and not item.nodeid.startswith(APART_FROM_STORAGE):
        item.add_marker("storage")
    if not item.nodeid.endswith(item.name):
        item._id = NodeId.parse(f"{item.nodeid.rpartition('::')[0]}::{item.name}")


def uses_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(fixtures & ON_DATABASE or item.get_closest_marker("django_db"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With --no-loadscope-reorder pytest-xdist deals the groups out in this order."""
    order.longest_first(items, scope_of)
    twice = [test for test, times in Counter(item.nodeid for item in items).items() if times > 1]
    assert not twice, f"tests of the same id, of which one would be run: {twice[:3]}"


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """One for each test process, which of several copies it: to migrate takes each six seconds.

    SQLite in a file, as in production (WAL, threads that lock each other out): Django would take
    memory.
    """
    settings = connections["default"].settings_dict
    if ON_SQLITE:
        file = plugin.folder / "test.sqlite3"
        settings["TEST"]["NAME"] = str(file)
        if ONE_OF_SEVERAL:
            prepared.lay_database(file)
        return
    settings["TEST"]["NAME"] = f"test_{uuid4().hex[:12]}"
    if ONE_OF_SEVERAL and databases.on_postgres():
        settings["TEST"]["TEMPLATE"] = databases.template()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Whether the file that lies there is used; it goes with its folder."""
    return ON_SQLITE and ONE_OF_SEVERAL


@pytest.fixture(scope="session", autouse=True)
def _settings_for_tests() -> Iterator[None]:
    """Cheap password hashes, and static files as they lie in the sources (no `collectstatic` before
    tests). Checks go to whoever asks first: most tests say who that is.
    """
    with override_settings(
        CHECK_RESERVED_SECONDS=0,
        PASSWORD_HASHERS=["tests.support.hashers.CheapArgon2"],
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
            "files": settings.FILES,
        },
    ):
        yield


@pytest.fixture(scope="session")
def static_root() -> str:
    """One place for the static files of all systems: laying them out takes two seconds."""
    return str(prepared.static_root())


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, static_root: str) -> Iterator[System]:
    """The whole system with short leases, one for all tests of a test process: its start takes ten
    seconds of work.

    Whoever breaks something of it leaves it whole.
    """
    folder = tmp_path_factory.mktemp("system")
    with (
        fresh(folder) as database,
        System(folder, env=SHORT | database | {"STATIC_ROOT": static_root}) as running,
    ):
        yield running


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    yield
    if plugin.redis:
        plugin.redis.flush()


@pytest.fixture
def make_user(db: None) -> Callable[[str], User]:
    """make_user("dora"): an active user with PASSWORD and the address dora@example.org."""
    return lambda name: User.objects.create_user(name, f"{name}@example.org", PASSWORD)


@pytest.fixture
def alice(make_user: Callable[[str], User]) -> User:
    return make_user("alice")


@pytest.fixture
def bob(make_user: Callable[[str], User]) -> User:
    return make_user("bob")


@pytest.fixture
def carol(make_user: Callable[[str], User]) -> User:
    return make_user("carol")


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """api(user): a client with an access token of a session of its own; api(): nobody's."""

    def client(user: User | None = None) -> APIClient:
        # As a log-in reads the user: since the test did, they may have ended all access.
        pair = accounts.open_session(User.objects.get(pk=user.pk), "tests") if user else None
        return APIClient(headers={"Authorization": f"Bearer {pair.access}"} if pair else {})

    return client


@pytest.fixture
def browser(db: None) -> Callable[..., Client]:
    """browser(alice): her browser, logged in; browser(): nobody's. `htmx=True`: what htmx sends
    along.
    """

    def open_one(user: User | None = None, *, htmx: bool = False) -> Client:
        client = Client(headers={"HX-Request": "true"} if htmx else {})
        if user:
            client.force_login(
                User.objects.get(pk=user.pk), backend="accounts.backends.LoginBackend"
            )
        return client

    return open_one


@pytest.fixture
def group(alice: User, bob: User) -> Group:
    """Alice owns it, Bob is a member, Carol a stranger. There are no notifications yet."""
    group = groups.create_group(
        owner=alice, name="Lab Seven", description="The machines on the third floor"
    )
    Membership.objects.create(group=group, user=bob)
    Notification.objects.all().delete()
    return group


@pytest.fixture
def scrape(db: None) -> Callable[..., Scrape]:
    """scrape(): a look at /metrics from this machine. Whatever tests before this one noted is
    forgotten.
    """
    recording._unwritten.totals.clear()
    recording._unwritten.open.clear()

    def read() -> Scrape:
        answer = Client().get("/metrics")
        assert answer.status_code == 200, answer.content
        return Scrape(answer.content.decode())

    return read


@pytest.fixture
def only_push(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients do not ask in between: what comes was pushed."""
    monkeypatch.setattr(task_state, "POLL_SECONDS_SILENT", 60.0)
    monkeypatch.setattr(task_state, "POLL_SECONDS_PUSHED", 60.0)


@pytest.fixture
def hard() -> Iterator[kinds.Kind]:
    """The kind HARD (tests/support/hard_kinds), which does whatever its params say."""
    with installed() as kind:
        yield kind
