from __future__ import annotations

import json

import pytest

from tests.deploy import files
from tests.deploy.running import Running, tree
from tests.support.databases import fresh
from tests.support.patient import until

PARTS = ("web", "jobs", "jobs-long", "sweep", "beat")


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """A folder with `app`, `static` and `client` as the Dockerfile lays them out in the image."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "app").mkdir()
    files.lay_out(folder / "app")
    return folder


@pytest.fixture(scope="module")
def running(image, tmp_path_factory):
    """Every part as the compose file starts it, with a database of its own."""
    environment = files.new_environment()
    environment.pop("DATABASE_URL")
    with fresh() as database:
        made = Running(tmp_path_factory.mktemp("running"), environment | database)
        (made.app).symlink_to(image / "app", target_is_directory=True)
        made.services = files.compose(environment)["services"]
        made.commands = commands(made.services)
        try:
            yield start(made)
        finally:
            made.end()


def commands(services):
    """{part: command}, and `prepare`, which comes before."""
    return {name: services[name]["command"] for name in PARTS} | {
        "prepare": services["migrate"]["command"]
    }


def start(made):
    made.start_redis(made.services["redis"]["command"])
    lay_out = made.run(
        ["python", "-m", "firmlight", "prepare", "files"]
    )  # as the image's build does
    assert lay_out.returncode == 0, lay_out.stderr
    made.before = {name: tree(made.folder / name) for name in ("static", "client")} | {
        "app": tree(made.app)
    }
    prepared = made.run(made.commands["prepare"])
    assert prepared.returncode == 0, prepared.stderr
    for name in PARTS:
        made.start_shut(name, made.commands[name])
    until(made.is_ready, seconds=60)
    return made


@pytest.fixture
def health(running):
    """The image's HEALTHCHECK, run beside web."""
    (rest,) = (rest for word, rest in files.dockerfile() if word == "HEALTHCHECK")
    return json.loads(rest.partition("CMD ")[2])
