"""Loaded with `-p tests.plugin`: starts Redis and sets the environment before anything reads the
settings.

Under pytest-xdist every worker process has its own Redis and its own database. DATABASE_URL may
name another database than SQLite; everything else of the environment that tests depend on is set
here.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import databases, order
from tests.support.prepared import SHARED
from tests.support.redis import RedisCluster, RedisServer

ON_CLUSTER = "FIRMLIGHT_TESTS_ON_CLUSTER"  # in the environment: the queue lies on a Redis Cluster

# Tests do in a minute what people do in a week, all from one address; those of the limits set their
# own.
UNLIMITED = (
    *(
        "LOGIN_PER_MINUTE_MAX",
        "REGISTER_PER_HOUR_MAX",
        "REFRESH_PER_MINUTE_MAX",
        "MAIL_PER_HOUR_MAX",
        "MAIL_PER_PAIR_PER_HOUR_MAX",
    ),
    *("SUBMIT_PER_MINUTE_MAX", "UPLOAD_PER_MINUTE_MAX", "INVITE_PER_HOUR_MAX", "JOIN_PER_HOUR_MAX"),
    "SEARCH_PER_MINUTE_MAX",
    *("WRITES_PER_MINUTE_MAX", "WRITES_PER_DAY_MAX", "GROUPS_PER_DAY_MAX", "LOGINS_PER_DAY_MAX"),
    *("INVITATIONS_PER_PAIR_DAY_MAX", "INVITATIONS_PER_USER_DAY_MAX"),
    *("INVITATIONS_PER_GROUP_DAY_MAX", "LINKS_PER_GROUP_DAY_MAX", "WORKER_TOKENS_PER_DAY_MAX"),
    *("JOIN_REQUESTS_PER_PAIR_DAY_MAX", "JOIN_REQUESTS_PER_ADDRESS_DAY_MAX"),
    "JOIN_REQUESTS_PER_GROUP_DAY_MAX",
)
folder = Path(tempfile.mkdtemp(prefix="firmlight-tests-"))
redis: RedisServer | RedisCluster | None = None

gc.disable()  # until all is loaded, which stays


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--note-seconds",
        action="store_true",
        help="write tests/seconds.json anew: how long files take",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--note-seconds") and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(order.Notes())


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """A wrapper comes before pytest-django's own hook of this name, which loads the settings."""
    global redis
    if not _only_distributes(early_config):
        redis = RedisCluster(folder) if os.environ.get(ON_CLUSTER) else RedisServer(folder)
    os.environ["REDIS_URL"] = redis.url if redis else "redis://127.0.0.1:1"
    if isinstance(redis, RedisCluster):
        os.environ |= dict.fromkeys(
            ("BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL"), redis.other.url
        )
    os.environ.setdefault(
        SHARED, str(folder)
    )  # of the process that hands the tests to others it is theirs, too
    os.environ["SECRET_KEY"] = "for-tests-only-" + "0123456789" * 5
    os.environ.setdefault(
        "DATABASE_URL", f"sqlite:///{folder}/unused.sqlite3"
    )  # conftest.py names the test database
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    for name in UNLIMITED:
        os.environ[name] = "1000000"
    os.environ["FIRMLIGHT_ALWAYS"] = "1"  # workers do not wait until the machine is quiet
    os.environ["METRICS_WRITE_SECONDS"] = (
        "3600"  # tests write them themselves, where they look at them
    )
    os.environ["EMAIL_URL"] = "consolemail://"
    os.environ["STATIC_ROOT"] = str(folder / "static")
    os.environ["FILES_ROOT"] = str(folder / "files")
    (folder / "static").mkdir()  # whitenoise warns of a missing one
    return (yield)


def _only_distributes(config: pytest.Config) -> bool:
    """Whether this process hands the tests to others (pytest -n) and runs none."""
    return (
        bool(getattr(config.known_args_namespace, "numprocesses", None))
        and "PYTEST_XDIST_WORKER" not in os.environ
    )


def pytest_collection_finish() -> None:
    """Collecting over everything that is loaded was a tenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """After the fixtures' own ends. A process of pytest-xdist may be gone before
    `pytest_unconfigure` is called.
    """
    _end()


def pytest_unconfigure() -> None:
    """For a session that never began."""
    _end()


def _end() -> None:
    global redis
    if redis:
        redis.stop()
        redis = None
    if os.environ.get(SHARED) == str(folder) and folder.exists():
        databases.drop_template()
    shutil.rmtree(folder, ignore_errors=True)
