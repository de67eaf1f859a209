"""Kinds as a `concurrent.futures.Executor`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, as_completed, wait
from typing import Any

import numpy as np
import pytest

from firmlight_client import Client, FirmlightExecutor, ParamsError, errors, kinds
from firmlight_client.kinds.local import run_here
from firmlight_client.sdk import executor
from firmlight_client.sdk.executor import can_pack
from tests.client.web_peer import WebPeer


@pytest.fixture
def pool(client: Client) -> Iterator[FirmlightExecutor]:
    with FirmlightExecutor("Lab Seven", client) as pool:
        yield pool
        pool.shutdown(wait=False, cancel_futures=True)


def submitted(web: WebPeer) -> list[Any]:
    return [body for method, path, body in list(web.asked) if (method, path) == ("POST", "tasks/")]


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not look():
        assert time.monotonic() < end
        time.sleep(0.005)


def factored(kind: str, params: Any) -> Any:
    """What a server with workers would make of it; 13 brings bad luck."""
    if params.get("number") == 13:
        raise ValueError("bad luck")
    found = run_here(kinds.get(kind), kinds.get(kind).load(params))
    lucky = [row for row in found.get("results", []) if row[1]["number"] != "13"]
    return {"results": lucky} if "results" in found else found


@pytest.mark.usefixtures("only_push")
def test_futures_are_resolved_by_push_in_the_order_things_end(
    web: WebPeer, pool: FirmlightExecutor
) -> None:
    futures = [pool.submit("K", n=n) for n in range(3)]
    until(lambda: len(web.watchers) == 3)
    place = {body["params"]["n"]: f"t{i}" for i, body in enumerate(submitted(web))}
    ended = []
    web.end(place[2], 2)
    for future in as_completed(futures, timeout=20):
        ended.append(future.result())
        if len(ended) < 3:
            web.end(place[2 - len(ended)], 2 - len(ended))
    assert ended == [2, 1, 0]


def test_map_gives_results_in_the_order_of_the_inputs(
    web: WebPeer, pool: FirmlightExecutor
) -> None:
    web.compute = lambda kind, params: params["count"] * 10
    assert list(pool.map("ECHO", [3, 1, 2], timeout=20)) == [30, 10, 20]
    assert list(pool.map("ECHO", [{"count": 5}], seconds=0, timeout=20)) == [50]
    assert submitted(web)[-1]["params"] == {"seconds": 0, "count": 5}


def test_how_much_is_checked_goes_with_every_task_whether_packed_or_alone(
    web: WebPeer, client: Client
) -> None:
    web.compute = lambda kind, params: {"results": [[0, 1], [1, 2]]} if kind == "MEAN[]" else 3
    with FirmlightExecutor("Lab Seven", client, verify="all") as pool:
        assert list(pool.map("MEAN", [[1.0], [2.0]], timeout=20)) == [1, 2]
        assert pool.submit("K", n=1).result(timeout=20) == 3
    assert [body["kind"] for body in submitted(web)] == ["MEAN[]", "K"]
    assert {body["verify"] for body in submitted(web)} == {"all"}


def test_an_input_of_an_unknown_kind_must_name_its_params(pool: FirmlightExecutor) -> None:
    with pytest.raises(TypeError, match="mapping of params"):
        pool.map("SOMETHING", [1, 2])


def test_a_thousand_calls_travel_in_few_tasks(
    web: WebPeer, pool: FirmlightExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the machine is here: no call goes before its task is full."""
    monkeypatch.setattr(executor, "PACK_SECONDS", 30.0)
    web.compute = factored
    numbers = range(10**6, 10**6 + 1000)
    found = list(pool.map("FACTORIZATION", numbers, timeout=60))
    assert [row["number"] for row in found] == [str(number) for number in numbers]
    assert [len(body["params"]["calls"]) for body in submitted(web)] == [500, 500]
    assert {body["kind"] for body in submitted(web)} == {"FACTORIZATION[]"}


def test_a_large_call_goes_alone(web: WebPeer, pool: FirmlightExecutor) -> None:
    inputs = [{"numbers": [1.5] * 10_000}, {"numbers": [1, 2]}, {"numbers": [3]}]
    many = {"results": [[0, "packed"], [1, "packed"]]}
    web.compute = lambda kind, params: many if kind == "MEAN[]" else "alone"
    assert list(pool.map("MEAN", inputs, timeout=20)) == ["alone", "packed", "packed"]
    assert not can_pack("MEAN", {"numbers": np.ones(3)})


def test_one_call_that_fails_does_not_spoil_those_it_travels_with(
    web: WebPeer, pool: FirmlightExecutor
) -> None:
    web.compute = factored
    good, bad, also_good, no_number = (
        pool.submit("FACTORIZATION", number=n) for n in (12, 13, 15, "x")
    )
    assert good.result(20)["factors"] == [["2", 2], ["3", 1]]
    assert also_good.result(20)["number"] == "15"
    with pytest.raises(errors.TaskFailed, match="bad luck"):
        bad.result(20)
    with pytest.raises(ParamsError, match="decimal digits"):
        no_number.result(20)


def test_what_the_server_refuses_is_the_futures_exception(
    web: WebPeer, pool: FirmlightExecutor
) -> None:
    with pytest.raises(errors.ApiError, match="unknown"):
        pool.submit("NOTHING").result(20)


def test_a_cancelled_future_cancels_its_task(web: WebPeer, pool: FirmlightExecutor) -> None:
    future = pool.submit("K", n=1)
    until(lambda: len(web.watchers) == 1)
    assert future.cancel()
    until(lambda: web.tasks["t0"]["status"] == "cancelled")
    with pytest.raises(CancelledError):
        future.result()


def test_a_packed_task_goes_on_until_nobody_wants_it(web: WebPeer, pool: FirmlightExecutor) -> None:
    one, two = (pool.submit("FACTORIZATION", number=n) for n in (12, 15))
    until(lambda: len(web.watchers) == 1)
    one.cancel()
    time.sleep(0.1)
    assert web.tasks["t0"]["status"] == "queued"
    two.cancel()
    until(lambda: web.tasks["t0"]["status"] == "cancelled")


def test_who_stops_reading_a_map_cancels_the_rest(web: WebPeer, pool: FirmlightExecutor) -> None:
    results = pool.map("K", [{"n": n} for n in range(3)])
    until(lambda: len(web.watchers) == 3)
    first = next(f"t{i}" for i, body in enumerate(submitted(web)) if body["params"]["n"] == 0)
    web.end(first, 7)
    assert next(results) == 7
    results.close()  # type: ignore[attr-defined]
    until(
        lambda: (
            sorted(task["status"] for task in web.tasks.values())
            == ["cancelled", "cancelled", "succeeded"]
        )
    )


def test_no_more_tasks_than_allowed_are_under_way(web: WebPeer, client: Client) -> None:
    with FirmlightExecutor("G", client, tasks_max=2) as pool:
        futures = [pool.submit("K", n=n) for n in range(5)]
        until(lambda: len(web.watchers) == 2)
        time.sleep(0.1)
        assert len(web.tasks) == 2
        for number in range(5):
            until(lambda: f"t{number}" in web.tasks)  # noqa: B023
            web.end(f"t{number}", number)
        assert not wait(futures, timeout=20).not_done


def test_shutdown_waits_for_what_is_under_way_and_takes_nothing_more(
    web: WebPeer, client: Client
) -> None:
    web.compute = factored
    pool = FirmlightExecutor("G", client)
    future = pool.submit("FACTORIZATION", number=12)
    pool.shutdown()
    assert future.done()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit("K")
    assert not pool.thread.is_alive()
    assert client.me()["username"] == "alice"


def test_options_go_along_with_every_task(web: WebPeer, client: Client) -> None:
    web.compute = factored
    with FirmlightExecutor("G", client, title="Night run", priority="low") as pool:
        list(pool.map("FACTORIZATION", [12, 15], timeout=20))
    assert {(body["title"], body["priority"], body["group"]) for body in submitted(web)} == {
        ("Night run", "low", "G")
    }
