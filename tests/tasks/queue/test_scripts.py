"""The scripts' contracts, and what goes to them and comes back as MessagePack."""

from __future__ import annotations

import re

import pytest

from tasks.queue import leasing, task_log
from tasks.queue.progress import outcome_of, progress_of
from tasks.queue.scripts import LUA, SHARED
from tests.tasks.queue.conftest import Pool

SCRIPTS = sorted(path.stem for path in LUA.glob("*.lua") if path.stem not in SHARED)
NO_TEXT = bytes(range(128, 256)) + b"\x00\xc1"  # neither UTF-8 nor MessagePack


def contract_and_code(script: str) -> tuple[str, str]:
    """The comment that a script begins with, and the rest of it."""
    lines = (LUA / f"{script}.lua").read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[:end]), "\n".join(lines[end:])


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_opens_with_its_contract(script: str) -> None:
    contract, code = contract_and_code(script)
    assert "\n-- KEYS[1]: string" in contract
    assert "\n-- Returns " in contract
    read = set(re.findall(r"\ba\.(\w+)", code))
    assert read <= set(re.findall(r"\w+", contract)), "an argument that the contract does not name"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_contract_names_each_field_of_the_answer(script: str) -> None:
    contract, code = contract_and_code(script)
    packed = ", ".join(re.findall(r"cmsgpack\.pack\(\{(.*?)\}\)", code, re.DOTALL))
    returned = contract.partition("-- Returns")[2]
    assert set(re.findall(r"(\w+) = ", packed)) <= set(re.findall(r"\w+", returned))


def test_payloads_and_partials_that_are_no_text_come_back_as_they_were(pool: Pool) -> None:
    task = pool.task(1, payload=NO_TEXT)
    granted = pool.connect("laptop").lease()
    assert granted.payloads == [NO_TEXT]
    call = leasing.complete(granted.lease, worker="laptop", subtasks=[0], partial=NO_TEXT)
    assert call.now().complete
    assert pool.outcome(task).partials == [NO_TEXT]


def test_the_partials_of_an_incomplete_task_are_not_read(pool: Pool) -> None:
    task = pool.task(2)
    worker = pool.connect("laptop")
    worker.complete(worker.lease())
    outcome = pool.outcome(task)
    assert (outcome.complete, outcome.partials) == (False, [])


def test_a_task_without_state_has_no_progress_and_no_outcome(pool: Pool) -> None:
    assert progress_of(pool.group, "nowhere").now() is None
    assert outcome_of(pool.group, "nowhere").now() is None


def test_a_task_that_no_worker_had_has_no_work(pool: Pool) -> None:
    task = pool.task()
    assert (pool.progress(task).work, pool.outcome(task).work) == ({}, {})


def test_work_is_read_for_each_worker_with_fractions_and_whole_numbers(pool: Pool) -> None:
    task = pool.task(2)
    for name in ("laptop", "name:with:colons"):
        worker = pool.connect(name)
        worker.complete(worker.lease())
        pool.speed(task, name, 0.1)
    work = pool.progress(task).work
    assert sorted(work) == ["laptop", "name:with:colons"]
    for row in work.values():
        assert (row.subtasks, row.speed) == (1, 0.1)
        assert row.last >= row.first > 1.7e12


def test_an_error_keeps_every_character(pool: Pool) -> None:
    task = pool.task()
    granted = pool.connect("laptop").lease()
    texts = {"error": "Überlauf", "message": "число \x00 😀", "traceback": "é" * 300}
    leasing.fail(granted.lease, worker="laptop", subtask=0, **texts).now()
    (failure,) = task_log.failures(pool.group, task)
    blame = pool.outcome(task).blame
    assert blame
    for found in (failure, blame):
        assert (found.error, found.message, found.traceback) == tuple(texts.values())
