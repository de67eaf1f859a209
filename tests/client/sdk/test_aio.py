"""The client for asyncio: as the other one, in the caller's own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from firmlight_client import AsyncClient, errors
from tests.client.web_peer import WebPeer


@pytest_asyncio.fixture
async def client(web: WebPeer) -> AsyncIterator[AsyncClient]:
    async with await AsyncClient.login(web.url, "alice", "right") as client:
        yield client


async def later(seconds: float, action: object, *args: object) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(action, *args)  # type: ignore[arg-type]


@pytest.mark.asyncio
@pytest.mark.usefixtures("only_push")
async def test_results_are_pushed_into_the_callers_loop_and_no_thread_is_started(
    web: WebPeer, client: AsyncClient
) -> None:
    before = threading.active_count()
    tasks = [await client.submit("K", group="G") for _ in range(3)]
    results = asyncio.gather(*(task.result(timeout=20) for task in tasks))
    await asyncio.sleep(0.2)
    assert threading.active_count() == before
    for number, task in enumerate(tasks):
        await asyncio.to_thread(web.end, task.id, number)
    assert await results == [0, 1, 2]


@pytest.mark.asyncio
@pytest.mark.usefixtures("only_push")
async def test_every_change_can_be_watched_over_a_line_that_breaks(
    web: WebPeer, client: AsyncClient
) -> None:
    task = await client.submit("K", group="G")
    seen = []
    async for snapshot in task.watch(timeout=20):
        if snapshot["status"] not in seen:
            seen.append(snapshot["status"])
        if snapshot["status"] == "queued":
            await asyncio.to_thread(web.break_lines)
            await asyncio.to_thread(web.change, task.id, status="running", progress=0.5)
        elif snapshot["status"] == "running":
            await asyncio.to_thread(web.change, task.id, status="succeeded")
    assert seen == ["queued", "running", "succeeded"]


@pytest.mark.asyncio
async def test_without_push_it_asks(web: WebPeer, client: AsyncClient) -> None:
    web.pushes = False
    task = await client.submit("K", group="G")
    ending = asyncio.create_task(later(0.2, web.end, task.id, 7))
    assert await task.result(timeout=20) == 7
    await ending


@pytest.mark.asyncio
async def test_a_task_says_how_it_ended(web: WebPeer, client: AsyncClient) -> None:
    failed, cancelled, slow = [await client.submit("K", group="G") for _ in range(3)]
    web.tasks[failed.id].update(
        status="failed", error={"code": "subtask_failed", "message": "ValueError: no"}
    )
    with pytest.raises(errors.TaskFailed, match="ValueError: no"):
        await failed.result(timeout=20)
    assert (await cancelled.pause()).status == "paused"
    assert (await cancelled.resume()).status == "running"
    await cancelled.cancel()
    with pytest.raises(errors.TaskCancelled):
        await cancelled.result(timeout=20)
    with pytest.raises(errors.ResultTimeout):
        await slow.result(timeout=0.1)
    assert (await client.task(slow.id)).status == "queued"
    assert {task.id for task in await client.tasks()} == set(web.tasks)


@pytest.mark.asyncio
@pytest.mark.usefixtures("only_push")
async def test_a_token_that_ran_out_is_renewed_once(web: WebPeer, client: AsyncClient) -> None:
    web.access = "changed"
    names = await asyncio.gather(*(client.me() for _ in range(8)))
    assert [name["username"] for name in names] == ["alice"] * 8
    assert web.renewals == 1
    task = await client.submit("K", group="G")
    web.access = "changed again"
    await asyncio.to_thread(web.break_lines)
    ending = asyncio.create_task(later(0.8, web.end, task.id, 7))
    assert await task.result(timeout=20) == 7
    assert web.renewals == 2
    await ending


@pytest.mark.asyncio
async def test_groups_and_workers_are_found_by_name(web: WebPeer, client: AsyncClient) -> None:
    web.workers["w1"] = {"id": "w1", "name": "tower", "suspended": "It failed too often."}
    assert (await client.let_back("tower"))["suspended"] == ""
    assert (await client.group("lab seven"))["id"] == "g1"
    with pytest.raises(errors.NotFound, match="no group called"):
        await client.group("nowhere")
    with pytest.raises(errors.NotLoggedIn):
        await AsyncClient.login(web.url, "alice", "wrong")


@pytest.mark.asyncio
async def test_how_much_is_checked_is_sent_and_how_it_was_comes_with_the_result(
    web: WebPeer, client: AsyncClient
) -> None:
    task = await client.submit("K", group="G", verify="all")
    assert web.asked[-1][2]["verify"] == "all"
    web.tasks[task.id]["verification"] = {"how": "proof", "sentence": "Proved."}
    await asyncio.to_thread(web.end, task.id, 7)
    assert await task.result(timeout=20) == 7
    assert str(task.verification) == "Proved."
