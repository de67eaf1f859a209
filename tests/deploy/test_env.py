"""`.env.example` names every setting and its default, and new installations start from it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from deploy import new_env
from firmlight import secret_key
from tests.deploy import files

EXAMPLE = new_env.EXAMPLE.read_text()
PARTS = {"HOST", "PORT", "JOBS_THREADS", "WEB_STOP_SECONDS"}  # read by firmlight/processes.py
SHOW = """
import django, json
from django.conf import settings
django.setup()
print(json.dumps({name: repr(getattr(settings, name)) for name in dir(settings) if name.isupper()}))
"""


def assignments():
    return [line for line in map(files.ASSIGNMENT.fullmatch, EXAMPLE.splitlines()) if line]


def settings_read():
    """Every name that firmlight/settings reads from the environment."""
    source = "".join(
        path.read_text() for path in (files.ROOT / "firmlight" / "settings").glob("*.py")
    )
    return set(re.findall(r'(?:number|whole|beside|env\.\w+)\(\s*"([A-Z_]+)"', source))


def test_every_setting_is_there_and_nothing_else():
    known = settings_read()
    assert len(known) > 100
    assert {line["name"] for line in assignments()} == known | PARTS | files.variables() | {
        "COMPOSE_PROFILES"
    }


def test_each_is_there_once_but_for_choices():
    names = [line["name"] for line in assignments() if line["mark"] != "#~ "]
    assert sorted(names) == sorted(set(names))


def shown(**extra):
    """The settings as the program reads them, {name: repr}."""
    needed = {
        "SECRET_KEY": "k" * 20 + "0123456789abcdef" * 2,
        "DATABASE_URL": "sqlite://:memory:",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    base = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "firmlight.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**base, **needed, **extra},
        capture_output=True,
        text=True,
        cwd=files.ROOT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_commented_out_is_the_default():
    defaults = {line["name"]: line["value"] for line in assignments() if line["mark"] == "#"}
    plain, given = (
        shown(),
        shown(**{name: value for name, value in defaults.items() if name in settings_read()}),
    )
    same = [
        name for name in plain if "0x" not in plain[name]
    ]  # an object's address is another each time
    assert {name: given[name] for name in same} == {name: plain[name] for name in same}


@pytest.mark.parametrize("postgres", [False, True])
def test_a_new_file_has_no_placeholder_and_no_secret_twice(postgres):
    made = files.new_environment(postgres=postgres)
    assert not [
        name
        for name, value in made.items()
        if "change-me" in value or files.NAME not in made["PUBLIC_URL"]
    ]
    secrets = [
        value for name, value in made.items() if re.search("SECRET|PASSWORD|TOKEN|KEY", name)
    ]
    assert len(secrets) == len(set(secrets)) == 8
    assert not secret_key.fault(made["SECRET_KEY"], debug=False)
    assert files.new_environment()["SECRET_KEY"] != made["SECRET_KEY"]


def test_the_database_is_the_one_that_the_profile_starts():
    mongo, postgres = files.new_environment(), files.new_environment(postgres=True)
    assert mongo["COMPOSE_PROFILES"] == "mongo"
    assert f":{mongo['MONGO_PASSWORD']}@mongo:" in mongo["DATABASE_URL"]
    assert postgres["COMPOSE_PROFILES"] == "postgres"
    assert f":{postgres['POSTGRES_PASSWORD']}@postgres:" in postgres["DATABASE_URL"]
    assert f":{mongo['REDIS_PASSWORD']}@redis:" in mongo["REDIS_URL"]


def test_an_example_that_nobody_filled_in_does_not_start():
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={"DJANGO_SETTINGS_MODULE": "firmlight.settings", **files.env_file(EXAMPLE)},
        capture_output=True,
        text=True,
        cwd=files.ROOT,
    )
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr


def test_the_command_prints_it():
    words = [sys.executable, str(files.DEPLOY / "new_env.py"), "grid.example.org", "--postgres"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert files.env_file(done.stdout)["PUBLIC_URL"] == "https://grid.example.org"
