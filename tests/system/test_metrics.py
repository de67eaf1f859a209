"""The metrics of a real system while a worker computes for it."""

from __future__ import annotations

import httpx

from firmlight_client import protocol
from tests.support.patient import until
from tests.support.scrape import Scrape


def look(lab):
    return Scrape(httpx.get(f"{lab.url}/metrics", trust_env=False).text)


def processes(lab):
    found = look(lab)
    return [found("firmlight_processes", role=role) for role in ("web", "jobs", "sweep", "beat")]


def test_web_jobs_and_beat_count_together(lab, peer):
    before = look(lab)
    task = lab.submit(count=20)
    peer().work(20)
    assert lab.wait(task)["status"] == "succeeded"

    def more(name, **labels):
        return (look(lab)(name, **labels) or 0) - (before(name, **labels) or 0)

    assert more("firmlight_subtasks_completed_total") == 20
    assert more("firmlight_subtasks_leased_total") >= 20
    assert more("firmlight_lease_seconds_count") >= 1
    until(
        lambda: more("firmlight_job_seconds_count", job="tasks.split", outcome="success"),
        lambda n: n == 1,
        10,
    )
    until(lambda: more("firmlight_tasks_ended_total", status="succeeded"), lambda n: n == 1, 10)
    until(lambda: processes(lab), lambda found: found == [1, 2, 1, 1], 10)
    assert look(lab)("firmlight_sockets", socket="worker") >= 1
    assert look(lab)("firmlight_beat_age_seconds") < 10


def test_a_refused_result_is_counted_with_its_reason(lab, peer):
    before = look(lab)("firmlight_subtasks_refused_total", reason="unknown_lease") or 0
    worker = peer("stubborn")
    worker.send(
        protocol.Result(lease=f"{lab.group}:none", subtasks=[1, 2], partial=b"", seconds=0.0)
    )
    assert worker.expect(protocol.Refused).reason == "unknown_lease"
    assert look(lab)("firmlight_subtasks_refused_total", reason="unknown_lease") == before + 2
