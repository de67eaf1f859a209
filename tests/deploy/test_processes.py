"""A deployment by its own command lines: it computes a task, and stops in good order.

Docker is not needed: the tree that the Dockerfile lays out is made here, and its processes run in
it.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest
import redis

from tests.deploy import files
from tests.deploy.running import NAME, THROUGH_PROXY, can_shut, lines_with, seconds_of, tree
from tests.support.patient import until
from tests.support.scrape import Scrape
from tests.system.lab import Lab

REQUEST = "edge-of-a-deployment"


@pytest.fixture(scope="module")
def lab(running):
    with Lab(running.url, headers=THROUGH_PROXY) as made:
        yield made


@pytest.fixture(scope="module")
def worker(running, lab):
    """The example worker, by the compose file's command line."""
    service = running.services["worker"]
    place = {
        "FIRMLIGHT_URL": running.url,
        "FIRMLIGHT_TOKEN": lab.worker_token(1),
        "FIRMLIGHT_ALWAYS": "1",
    }
    running.start(
        "worker",
        service["command"],
        **place,
        FIRMLIGHT_HOME=str(running.folder / "home" / "firmlight"),
    )
    return running.processes["worker"]


def test_a_task_goes_all_the_way(running, lab, worker):
    lab.api[0].headers["X-Request-ID"] = REQUEST
    task = lab.submit("FACTORIZATION", number=str(1_000_003 * 1_000_033))
    assert lab.wait(task)["status"] == "succeeded", running.log("worker").read_text()[-2000:]
    assert lab.result(task)["factors"] == [["1000003", 1], ["1000033", 1]]
    running.task = task


def test_a_procfile_starts_the_same(running):
    """`release` lays out the files, too, which an image brings along: it takes no other word."""
    procfile = files.procfile()
    assert procfile.pop("release") == running.commands["prepare"][:-1]
    assert procfile == {name: running.commands[name] for name in procfile}
    assert procfile.keys() | {"prepare"} == running.commands.keys()


def test_every_line_of_every_log_is_json(running):
    for name in ("web", "jobs", "jobs-long", "sweep", "beat"):
        for line in running.log(name).read_text().splitlines():
            assert json.loads(line)["event"], (name, line)


def test_its_request_can_be_followed_from_web_to_the_jobs(running):
    """The line of web names the request, and so does the line of the job, with the task."""
    (said,) = (
        json.loads(line)
        for line in lines_with(running.log("web"), "/api/tasks/")
        if '"POST"' in line
    )
    assert (said["event"], said["request_id"], said["status"]) == ("request", REQUEST, 201)
    jobs = [json.loads(line) for line in lines_with(running.log("jobs-long"), REQUEST)]
    assert {(line["task"], line["job"]) for line in jobs} == {(running.task, "tasks.split")}


def test_what_the_workers_connection_led_to_names_the_worker(running):
    (here,) = (json.loads(line) for line in lines_with(running.log("web"), "worker_here"))
    jobs = [json.loads(line) for line in lines_with(running.log("jobs"), "tasks.conclude")]
    begun = [
        (line.get("connection"), line.get("worker"), line["task"])
        for line in jobs
        if line["event"] == "job"
    ]
    assert begun[0] == (here["connection"], here["worker"], running.task)


def test_web_is_healthy_by_the_images_own_check(running, health):
    assert running.run(health).returncode == 0
    assert running.run(health, PORT="1").returncode == 1


def test_people_are_sent_to_https_and_probes_are_not(running):
    assert httpx.get(running.url, headers={"Host": NAME}, trust_env=False).status_code == 301
    assert running.get("/").status_code == 200
    assert httpx.get(f"{running.url}/healthz", trust_env=False).status_code == 200


def test_prometheus_reads_with_the_token_alone(running):
    assert running.get("/metrics").status_code == 401
    bearer = {"Authorization": f"Bearer {running.environment['METRICS_TOKEN']}"}

    def roles():
        found = Scrape(running.get("/metrics", **bearer).text)
        return [
            found("firmlight_processes", role=role) for role in ("web", "jobs", "sweep", "beat")
        ]

    until(roles, lambda found: found == [1, 2, 1, 1], 10)


def test_the_client_and_the_static_files_of_the_image_are_handed_out(running):
    latest = running.get("/download/latest")
    assert latest.status_code == 302
    assert running.get(latest.headers["Location"]).content[:2] == b"PK"
    assert running.get("/static/firmlight/base.css").status_code == 200


def test_the_doctor_has_nothing_to_mend_but_what_is_not_there(running):
    """There is no mail server here, and nobody at the public address."""
    done = running.run(["python", "manage.py", "doctor", "--json"])
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert {name for name, one in found.items() if one["level"] == "mend"} == {"mail", "web"}, (
        done.stdout
    )
    assert found["REDIS_URL appendfsync"]["what"] == "always"


def test_nothing_is_written_but_to_the_temporary_folder(running):
    """The root file system was read-only all the time, where this machine allows that.

    Home holds the worker's folder.
    """
    if can_shut():
        pid = running.processes["web"].pid
        root = Path(f"/proc/{pid}/mounts").read_text().split(" / ")[1].split()[1]
        assert root.split(",")[0] == "ro"
    assert {name: tree(running.folder / name) for name in running.before} == running.before
    assert {path.name for path in (running.folder / "home").iterdir()} == {"firmlight"}


def roles_in(running):
    with redis.Redis.from_url(running.environment["REDIS_URL"]) as client:
        return {
            client.hget(key, "role").decode() for key in client.scan_iter("fl:{metrics}:process:*")
        }


def test_every_part_ends_in_good_order_in_the_time_it_is_given(running, worker):
    """This must be the last test of each deployment, because it stops everything.

    When uvicorn has finished its work, it ends by the signal that it was sent.
    """
    for name in ("worker", "web", "jobs", "jobs-long", "sweep", "beat"):
        service = running.services[name]
        how = getattr(signal, service.get("stop_signal", "SIGTERM"))
        code = running.stop(name, how, seconds_of(service.get("stop_grace_period", "10s")))
        fine = {-how} if name in ("web", "beat") else {0}
        assert code in fine, (name, running.log(name).read_text()[-2000:])
        if name == "web":
            assert "web" not in roles_in(running)  # it has written its last sums, and taken leave
