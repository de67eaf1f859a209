"""The Python client against the whole system: real workers, push, both ways of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import pytest

from firmlight_client import AsyncClient, Client, FirmlightExecutor
from tests.system.lab import PASSWORD, Lab
from tests.system.test_main_job import client, start_worker

__all__ = ("client", "start_worker")  # fixtures
Start = Callable[..., Any]


@pytest.mark.usefixtures("only_push")
def test_calls_come_back_packed_or_one_by_one(
    lab: Lab, client: Client, start_worker: Start
) -> None:
    start_worker(1)
    numbers = range(10**20, 10**20 + 300)
    with FirmlightExecutor(lab.group, client, title="Neighbours") as pool:
        counts = [pool.submit("ECHO", count=count) for count in range(1, 21)]
        found = list(pool.map("FACTORIZATION", numbers, timeout=60))
        assert {future.result()["count"] for future in as_completed(counts, timeout=60)} == set(
            range(1, 21)
        )
    assert [row["number"] for row in found] == [str(number) for number in numbers]
    assert found[0]["factors"] == [["2", 20], ["5", 20]]
    tasks = client.tasks(group=lab.group)
    assert {task.info["progress"] for task in tasks} == {1.0}
    kinds = [task.info["kind"] for task in tasks]
    assert kinds.count("ECHO") == 20
    assert 1 <= kinds.count("FACTORIZATION[]") <= 3
    assert "FACTORIZATION" not in kinds


def test_a_cancelled_future_ends_its_task_at_the_server(lab: Lab, client: Client) -> None:
    with FirmlightExecutor(lab.group, client) as pool:
        future = pool.submit("ECHO", count=1)
        (row,) = lab.until(lambda: client.tasks(group=lab.group), len)
        future.cancel()
    lab.wait(row.id, "cancelled")


@pytest.mark.usefixtures("only_push")
def test_asyncio_watches_many_tasks_at_once(lab: Lab, start_worker: Start) -> None:
    start_worker(1)

    async def story() -> list[int]:
        async with await AsyncClient.login(lab.url, lab.names[0], PASSWORD) as user:
            assert [group["id"] for group in await user.groups()] == [lab.group]
            tasks = [await user.submit("ECHO", group=lab.group, count=n) for n in (1, 2, 3)]
            statuses = [snapshot["status"] async for snapshot in tasks[0].watch(timeout=30)]
            assert statuses[-1] == "succeeded"
            return [
                row["count"]
                for row in await asyncio.gather(*(task.result(timeout=30) for task in tasks))
            ]

    assert asyncio.run(story()) == [1, 2, 3]


def test_a_file_and_a_list_of_the_same_numbers_come_to_the_same(
    lab: Lab, client: Client, start_worker: Start, tmp_path: Path
) -> None:
    start_worker(1)
    (tmp_path / "numbers.csv").write_text("1\n2.5\n-4000\n")
    with (tmp_path / "numbers.csv").open("rb") as file:
        one = client.submit("MEAN", group=lab.group, file=file).result(timeout=30)
    assert one == client.submit("MEAN", group=lab.group, numbers=[1, 2.5, -4000]).result(timeout=30)
