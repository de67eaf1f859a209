"""docker-compose.yml: by the schema of compose files, and by what Firmlight needs of it."""

from __future__ import annotations

import re
import subprocess
from itertools import chain

import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator

from firmlight import processes
from tests.deploy import files, test_env
from tests.support.needed import need

SERVERS = ("migrate", "web", "jobs", "jobs-long", "sweep", "beat")


@pytest.fixture(scope="module")
def made():
    """A new `.env`."""
    return files.new_environment()


@pytest.fixture(scope="module")
def compose(made):
    return files.compose(made)


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_it_follows_the_schema(compose):
    """Of the Compose Specification, as check-jsonschema carries it."""
    faults = Draft7Validator(get_builtin_schema("vendor.compose-spec")).iter_errors(compose)
    assert [fault.json_path + ": " + fault.message[:200] for fault in faults] == []


def test_everything_that_is_named_exists(compose, services):
    for name, service in services.items():
        needed = service.get("depends_on", [])
        assert set(needed) <= services.keys(), name
        assert set(service["networks"]) <= compose["networks"].keys(), name
        assert set(service.get("secrets", [])) <= compose["secrets"].keys(), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (
                (files.ROOT / source).exists()
                if source.startswith(".")
                else source in compose["volumes"]
            )
            assert there, (name, volume)


@pytest.mark.parametrize(("profile", "others"), [("mongo", {"mongo"}), ("postgres", {"postgres"})])
def test_one_database_is_started(services, profile, others):
    started = {
        name
        for name, one in services.items()
        if not one.get("profiles") or profile in one["profiles"]
    }
    assert started == {*SERVERS, "redis", "redis-messages", "caddy"} | others
    needed = services["migrate"]["depends_on"]
    assert all(needed[name]["required"] is False for name in ("mongo", "postgres"))


def test_a_missing_password_stops_it():
    for name in ("REDIS_PASSWORD", "SITE"):
        with pytest.raises(ValueError, match=name):
            files.compose({**files.new_environment(), name: ""})


def test_the_server_runs_with_nothing_it_could_do_without(services):
    for name in SERVERS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service, "only Caddy is reached from outside"


def test_every_setting_of_the_program_reaches_its_parts(services):
    """A setting that is missing in x-settings would be ignored in containers, without a word."""
    known = (test_env.settings_read() | test_env.PARTS) - {"SQLITE_BUSY_SECONDS"}
    assert services["web"]["environment"].keys() == known
    only_web_and_jobs = {"EMAIL_URL", "MAIL_FROM"}
    assert services["jobs"]["environment"].keys() == known - {"METRICS_TOKEN"}
    for name in ("migrate", "jobs-long", "sweep", "beat"):
        assert services[name]["environment"].keys() == known - only_web_and_jobs - {"METRICS_TOKEN"}


def test_no_container_gets_a_secret_that_it_does_not_need(made, compose, services):
    """Those that a value is made of, and those that a part is told by name alone."""
    marked = re.compile("SECRET|PASSWORD|TOKEN|KEY")
    secrets = {name: value for name, value in made.items() if marked.search(name) and value}
    seen = {name: set[str]() for name in services}
    for name, service in services.items():
        assert "env_file" not in service, "it would get all of .env"
        environment = service.get("environment", {})
        text = " ".join(map(str, [*environment.values(), *service.get("command", [])]))
        text += " ".join(made.get(key, "") for key, value in environment.items() if value is None)
        seen[name] = {key for key, value in secrets.items() if value in text}
    server = {"SECRET_KEY", "REDIS_PASSWORD", "MONGO_PASSWORD"}
    assert seen == {
        **dict.fromkeys(SERVERS, server),
        "web": server | {"METRICS_TOKEN"},
        "redis": {"REDIS_PASSWORD"},
        "redis-messages": {"REDIS_PASSWORD"},
        "mongo": {"MONGO_PASSWORD", "MONGO_ROOT_PASSWORD", "MONGO_KEY"},
        "postgres": {"POSTGRES_PASSWORD"},
        "grafana": {"GRAFANA_PASSWORD"},
        **{name: set() for name in ("caddy", "worker", "prometheus")},
    }
    assert compose["secrets"] == {"metrics_token": {"environment": "METRICS_TOKEN"}}


def test_every_container_has_a_limit_of_memory_and_gains_no_rights(services):
    for name, service in services.items():
        assert re.fullmatch(r"\d+[mg]", service["mem_limit"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    writable = {name for name, service in services.items() if not service.get("read_only")}
    assert writable == {"mongo", "postgres", "grafana"}, "their images write to many places"


def test_a_limit_of_memory_is_a_setting_in_mib():
    environment = {**files.new_environment(), "WEB_MEMORY_MIB": "6000"}
    assert files.compose(environment)["services"]["web"]["mem_limit"] == "6000m"


def test_only_the_proxy_is_open_to_the_world(services):
    ports = {name: one.get("ports", []) for name, one in services.items()}
    open_to_all = {
        name for name, row in ports.items() if any(not port.startswith("127.") for port in row)
    }
    assert open_to_all == {"caddy"}


def test_what_keeps_state_is_out_of_reach_from_outside(compose, services):
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("redis", "redis-messages", "mongo", "postgres"):
        assert services[name]["networks"] == ["inside"]


@pytest.mark.parametrize("name", ["redis", "redis-messages"])
def test_redis_loses_nothing(services, name):
    words = services[name]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"
    assert len(options["--requirepass"]) == 64


def test_what_people_do_needs_no_memory_of_the_redis_that_holds_tasks():
    made = files.new_environment()
    assert "@redis:" in made["REDIS_URL"]
    for name in ("BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL"):
        assert "@redis-messages:" in made[name]
    assert len({made[name] for name in ("BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL")}) == 3


def test_all_parts_share_the_files(services):
    for name in SERVERS:
        (volume,) = services[name]["volumes"]
        assert volume == f"files:{services[name]['environment']['FILES_ROOT']}"


def test_every_part_of_the_server_is_started(services):
    commands = {service["command"][-1] for service in (services[name] for name in SERVERS)}
    assert set(processes.NAMES) <= commands


def test_the_image_copies_nothing_that_is_not_there():
    for word, rest in files.dockerfile():
        if word == "COPY" and not rest.startswith("--from"):
            for pattern in rest.split()[:-1]:
                assert list(files.ROOT.glob(pattern)), pattern


def test_the_image_runs_as_nobody_in_particular():
    users = [rest for word, rest in files.dockerfile() if word == "USER"]
    assert users == ["10002", "10001"]
    assert files.dockerfile()[-1] == ("CMD", '["python", "-m", "firmlight", "web"]')


def test_what_the_image_needs_is_sent_to_the_builder():
    """.dockerignore lets in what is copied, and no settings with secrets."""
    lines = (files.ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = chain.from_iterable(
        rest.split()[:-1]
        for word, rest in files.dockerfile()
        if word == "COPY" and not rest.startswith("--from")
    )
    assert set(copied) == let_in
    assert "**/.env" in lines


@need("bash")
@pytest.mark.parametrize("script", ["start.sh", "health.sh"])
def test_the_databases_scripts_are_bash(script):
    assert (
        subprocess.run(["bash", "-n", files.DEPLOY / "mongo" / script], check=False).returncode == 0
    )


def test_the_databases_user_has_rights_in_its_own_database_only():
    text = (files.DEPLOY / "mongo" / "user.js").read_text()
    assert 'roles: [{role: "dbOwner", db: "firmlight"}]' in text
