"""An installation moves from SQLite to the database that the tests run on, by `dumpdata` and
`loaddata`.
"""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.dateparse import parse_datetime

from tests.support.databases import fresh

pytestmark = pytest.mark.storage

DUMP = ("dumpdata", "--natural-foreign", "--natural-primary", "--format=jsonl")
MADE_ANEW = ("contenttypes", "auth.permission", "admin.logentry", "django_celery_beat", "axes")


@pytest.fixture
def manage(tmp_path):
    """manage(environment, *words): what `manage.py` prints."""

    def run(environment, *words):
        command = [
            sys.executable,
            "-W",
            "error",
            str(Path(settings.BASE_DIR) / "manage.py"),
            *words,
        ]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert not done.returncode, done.stderr
        return done.stdout

    return run


@pytest.fixture
def source(tmp_path, manage):
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/source.sqlite3"}
    manage(environment, "migrate", "-v0")
    manage(environment, "seed_demo", "--size=small")
    role = (
        "from django.contrib.auth.models import Group as Role; from accounts.models import User; "
    )
    grant = (
        "User.objects.get(username='demo_000001').groups.add(Role.objects.get(name='Moderators'))"
    )
    manage(environment, "shell", "-v0", "-c", role + grant)
    return environment


def dump(manage, environment, path):
    """To a file, as the documentation says it; returns its rows, sorted."""
    manage(environment, *DUMP, *[f"--exclude={app}" for app in MADE_ANEW], f"--output={path}")
    with gzip.open(path, "rt") as lines:
        rows = [plain(json.loads(line)) for line in lines]
    return sorted(rows, key=lambda row: (row["model"], str(row.get("pk") or row["fields"])))


def plain(row):
    return {**row, "fields": {name: plain_value(value) for name, value in row["fields"].items()}}


def plain_value(value):
    """Moments to the millisecond, which is what all databases keep; many-to-many without their
    order.
    """
    if isinstance(value, list):
        return sorted(value)
    if not isinstance(value, str) or len(value) > 32 or not (found := parse_datetime(value)):
        return value
    return found.replace(microsecond=found.microsecond // 1000 * 1000).isoformat()


def test_everything_arrives_with_its_id(tmp_path, source, manage):
    before = dump(manage, source, tmp_path / "before.jsonl.gz")
    with fresh() as database:
        target = database or {"DATABASE_URL": f"sqlite:///{tmp_path}/target.sqlite3"}
        manage(target, "migrate", "-v0")
        manage(target, "loaddata", "-v0", str(tmp_path / "before.jsonl.gz"))
        after = dump(manage, target, tmp_path / "after.jsonl.gz")
    assert Counter(row["model"] for row in after) == Counter(row["model"] for row in before)
    assert Counter(row["model"] for row in before)["tasks.task"] == 500
    assert after == before
    (mover,) = [row for row in after if row["fields"].get("username") == "demo_000001"]
    assert mover["fields"]["groups"] == [["Moderators"]]
