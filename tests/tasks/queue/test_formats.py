"""Data of another format: older ones are brought to today's, newer ones are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.exceptions import ResponseError

from tasks import blobs, jobs
from tasks.data_format import FORMAT
from tasks.queue import formats, sweeping, task_log
from tasks.queue.answers import Granted
from tasks.queue.keys import FORMAT_NOTED, base_key, group_key, input_key, limits
from tasks.queue.progress import Progress
from tests.support.old_release import BEFORE_FORMATS, unpack
from tests.tasks.queue.conftest import KIND, Pool

NEWER = FORMAT + 1
pack = msgspec.msgpack.encode


def make_old(pool: Pool) -> None:
    """Put the keys of the group where releases before formats had theirs."""
    pool.redis.delete(FORMAT_NOTED)
    pool.redis.delete(pool.key("format"))
    for name in list(pool.redis.scan_iter(match=f"{base_key(pool.group)}:*")):
        pool.redis.rename(name, name.decode().replace(base_key(pool.group), group_key(pool.group)))
    sweeping.note_group(pool.group)


def state(pool: Pool) -> dict[str, bytes]:
    """Every key and what it holds."""
    names = [name for name in pool.redis.scan_iter() if pool.redis.pttl(name) < 0]
    return {name.decode(): pool.redis.dump(name) for name in sorted(names)}


def timeless(progress: Progress) -> Progress:
    return msgspec.structs.replace(progress, quiet_ms=0)


def test_the_first_process_notes_the_format() -> None:
    assert formats.noted() is None
    formats.adopt()
    assert formats.noted() == FORMAT


def test_newer_data_are_left_alone(pool: Pool) -> None:
    pool.task(3)
    pool.redis.set(FORMAT_NOTED, NEWER)
    before = state(pool)
    with pytest.raises(formats.NewerData, match=f"have format {NEWER},"):
        formats.adopt()
    assert state(pool) == before


def test_a_script_changes_nothing_in_data_of_another_format(pool: Pool) -> None:
    task, worker = pool.task(3), pool.connect("laptop")
    granted = worker.lease()
    pool.redis.set(pool.key("format"), NEWER)
    before = state(pool)
    calls = (
        worker.ask,
        lambda: worker.complete(granted),
        lambda: worker.fail(granted),
        worker.leave,
        lambda: pool.progress(task),
        lambda: pool.task(1),
    )
    for call in calls:
        with pytest.raises(ResponseError, match=f"^FORMAT .* format {NEWER},"):
            call()
    assert state(pool) == before


def test_a_job_that_a_newer_release_has_sent_fails() -> None:
    for job in (jobs.split, jobs.conclude, jobs.compare):
        with pytest.raises(formats.NewerData):
            job("00000000-0000-0000-0000-000000000000", data_format=NEWER)


def test_a_task_from_before_formats_goes_on_where_it_was(pool: Pool) -> None:
    task, worker = pool.task(6), pool.connect("laptop")
    blobs.put_input(pool.group, task, b"input")
    worker.complete(worker.lease())
    lost, held = pool.connect("tower").lease(), worker.lease()
    worker.beat(held.lease)
    before = timeless(pool.progress(task))
    make_old(pool)
    formats.adopt()
    assert timeless(pool.progress(task)) == before
    assert blobs.get_input(pool.group, task) == b"input"
    assert worker.complete(held).reason == ""
    pool.expire(lost)
    worker.work_off()
    assert sorted(s for part in pool.outcome(task).parts for s in part.subtasks) == list(range(6))


def test_doing_it_again_changes_nothing(pool: Pool) -> None:
    task, worker = pool.task(6), pool.connect("laptop")
    worker.complete(worker.lease())
    worker.fail(worker.lease())
    worker.lease()
    make_old(pool)
    formats.adopt()
    before = state(pool)
    pool.redis.delete(FORMAT_NOTED)
    formats.adopt()
    assert state(pool) == before
    assert pool.progress(task).done == 1


def test_scripts_of_older_releases_fail_on_a_task_that_was_moved(pool: Pool) -> None:
    task = pool.task(3)
    make_old(pool)
    formats.adopt()
    old_base = group_key(pool.group)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        pool.redis.eval("return redis.call('HGETALL', KEYS[1])", 1, f"{old_base}:t:{task}")
    assert pool.redis.exists(f"{old_base}:leases", f"{old_base}:tasks") == 0


def test_what_was_noted_before_parts_is_converted(pool: Pool) -> None:
    """As a release left it that noted neither owners nor parts."""
    task, worker = pool.task(5), pool.connect("laptop")
    worker.complete(worker.lease(), partial=b"\x01")
    failed = worker.lease()
    worker.fail(failed)
    held = worker.lease()
    key = pool.key("t", task)
    row = [failed.subtasks[0], "laptop", "ValueError", "no", "", 7, False]
    pool.redis.delete(f"{key}:parts", f"{key}:holds", f"{key}:failures", f"{key}:blame")
    pool.redis.delete(pool.key("partial_bytes"), f"{key}:work")
    pool.redis.hdel(key, "verify", "partial_bytes", "paces", "median")
    pool.redis.hset(key, mapping={"error": pack(row[:5])})
    pool.redis.rpush(f"{key}:failures", pack(row))
    pool.redis.hset(f"{key}:blame", mapping={f"{row[0]}:attempts": 1, f"{row[0]}:by:laptop": 7})
    work = {"laptop:n": 1, "laptop:s": "2.5", "laptop:f": 1, "laptop:first": 3, "laptop:speed": 9}
    pool.redis.hset(f"{key}:work", mapping=work)
    for lease in pool.redis.scan_iter(match=pool.key("l", "*")):
        pool.redis.hdel(lease, "owner")
    make_old(pool)
    formats.adopt()

    progress = pool.progress(task)
    assert (progress.done, progress.leased, progress.waiting) == (1, 0, 4)
    known = progress.work["laptop"]
    assert (known.subtasks, known.seconds, known.failures, known.first) == (1, 2.5, 1, 3)
    (failure,) = task_log.failures(pool.group, task)
    assert (failure.message, failure.at, failure.final) == ("no", 7, False)
    assert worker.complete(held).reason == "unknown_lease"
    pool.connect("tower").work_off()
    outcome = pool.outcome(task)
    assert outcome.complete
    assert (outcome.done, len(outcome.partials)) == (5, len(outcome.parts))
    assert (outcome.parts[0].owner, outcome.parts[0].subtasks) == ("", [])
    assert sum(len(part.subtasks) for part in outcome.parts) == 4


def test_connections_of_older_releases_are_forgotten(pool: Pool) -> None:
    worker = pool.connect("laptop")
    worker.ask()
    worker.beat()
    make_old(pool)
    formats.adopt()
    left = pool.keys()
    assert [name for name in left if "workers" in name or "slots" in name] == []


def test_inputs_and_other_bytes_stay_where_they_were(pool: Pool) -> None:
    blobs.put_input(pool.group, "task-1", b"input")
    formats.adopt()
    assert pool.redis.get(input_key(pool.group, "task-1")) == b"input"


def test_a_process_of_an_older_release_gets_nothing_and_changes_nothing(
    pool: Pool, tmp_path: Path
) -> None:
    """A web process that nobody has stopped: these are the scripts as it has them."""
    source = unpack(BEFORE_FORMATS, tmp_path)
    task, worker = pool.task(6), pool.connect("laptop")
    blobs.put_input(pool.group, task, b"input")
    held = worker.lease()
    make_old(pool)
    formats.adopt()
    worker.beat(held.lease)
    before = state(pool)
    said = {}
    for name in ("complete", "fail", "leave", "close", "outcome", "open", "mend", "pause", "lease"):
        try:
            said[name] = run_old(pool, source, name, task, held)
        except ResponseError as error:
            said[name] = str(error)
        after = state(pool)
        assert {name: after[name] for name in before} == before
    assert said["complete"]["reason"] == said["fail"]["reason"] == "unknown_lease"
    assert "granted" not in said["lease"]
    for name in ("close", "outcome", "open", "mend", "pause"):
        assert said[name].startswith("WRONGTYPE"), name
    assert worker.complete(held).reason == ""


def run_old(pool: Pool, source: Path, name: str, task: str, held: Granted) -> Any:
    """What the script of an older release answers, where its keys were."""
    parts = ("_common", "_aside", "_leases", name)
    text = "\n".join((source / "tasks" / "lua" / f"{part}.lua").read_text() for part in parts)
    who = {"worker": "laptop", "owner": "owner-of-laptop", "conn": "laptop-conn", "kinds": [KIND]}
    what = {"task": task, "lease": held.lease, "subtasks": held.subtasks, "subtask": 0}
    limits_of_all = {**limits(), "lease_ms": 1000, "target_s": 1, "least_s": 1, "longest_ms": 0}
    more = {"seconds": 0, "decided": False, "proves": False, "digest": "", "how": "lost"}
    of_open = {"kind": KIND, "creator": "alice", "prio": 1, "seq": 1, "max_ms": 60_000}
    if name == "lease":
        what["lease"] = held.lease + "0"
    args = pack({**who, **what, **limits_of_all, **more, **of_open, "partial_ok": False})
    answer = pool.redis.eval(text, 1, group_key(pool.group), args, b"\x01")
    return msgspec.msgpack.decode(answer[0] if isinstance(answer, list) else answer)
