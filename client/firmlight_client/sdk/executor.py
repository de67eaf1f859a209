"""Firmlight as a `concurrent.futures.Executor`: calls of kinds go out, futures come back.

    with FirmlightExecutor(group="Lab Seven") as pool:
        for found in pool.map("FACTORIZATION", range(10**15, 10**15 + 1000)):
            print(found["factors"])

One thread with an event loop serves all calls of an executor: it submits them, and the server
pushes the results over one connection. Calls of a kind that is `small` wait some milliseconds for
each other and travel as one task; every other call is a task, at most `tasks_max` of them at a
time.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from firmlight_client.errors import ApiError, TaskFailed
from firmlight_client.kinds import CALLS, Kind, installed
from firmlight_client.sdk.aio import AsyncClient, AsyncTask
from firmlight_client.sdk.client import Client
from firmlight_client.sdk.encoding import is_array, json_default

# At a time: fewer than the server's LIVE_SUBSCRIPTIONS_MAX, so that all results are pushed.
TASKS_MAX = 100
PACK_MAX = 500  # calls in one task
CALL_BYTES_MAX = 2**14  # of JSON; a larger call is a task of its own
PACK_SECONDS = 0.02  # that a call waits for others to travel with
BAD_REQUEST = 400

Params = dict[str, Any]


@dataclass
class _Call:
    kind: str
    params: Params
    future: Future[Any] = field(default_factory=Future)


class FirmlightExecutor(Executor):
    """Calls of one user in one group (id or name). Thread-safe.

    `client` is the user's, and stays open; without one it is that of the user who is logged in on
    this machine. `options` are those of `Client.submit` for every task: title, priority,
    allow_partial, deadline, subtask_seconds_max, verify.
    """

    def __init__(
        self,
        group: str,
        client: Client | None = None,
        *,
        tasks_max: int = TASKS_MAX,
        pack_max: int = PACK_MAX,
        **options: Any,
    ) -> None:
        if tasks_max < 1 or pack_max < 1:
            raise ValueError("tasks_max and pack_max are at least 1")
        self.group, self.options, self.pack_max = group, options, pack_max
        if client:
            self.client = AsyncClient(client.transport.url, tokens=client.transport.tokens)
        else:
            self.client = AsyncClient.from_login()
        self.lock, self.closed = threading.Lock(), False
        self.pending: set[Future[Any]] = set()
        self.waiting: dict[str, list[_Call]] = {}  # by kind: calls that will travel together
        self.room = asyncio.Semaphore(tasks_max)
        self.running: set[asyncio.Task[None]] = set()
        self.ended = asyncio.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="firmlight-executor", daemon=True)
        self.thread.start()

    # What callers use

    # `Executor` submits functions; this one submits kinds.
    def submit(self, kind: str, /, **params: Any) -> Future[Any]:  # type: ignore[override]
        """One call. Its future has the result, or raises ParamsError or what `Task.result` raises.

        Cancelling a future while its task runs cancels the task, unless other calls are in it.
        """
        call = _Call(kind, params)
        with self.lock:
            if self.closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self.pending.add(call.future)
            call.future.add_done_callback(self._forget)
            self.loop.call_soon_threadsafe(self._take, call)
        return call.future

    def map(  # type: ignore[override]  # kinds, not functions
        self,
        kind: str,
        /,
        *inputs: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **common: Any,
    ) -> Iterator[Any]:
        """A call for each input; the results in the order of the inputs.

        An input is a mapping of params, or the value of the kind's first param. `common` params go
        with all of them. `timeout` and `chunksize` are as in `Executor.map` (calls are packed here
        without being asked to).
        """
        name = first_param(kind)
        calls = [{**common, **_as_params(name, row)} for row in zip(*inputs, strict=False)]
        futures = [self.submit(kind, **params) for params in calls]
        return _results(futures, timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. With `wait` it returns when all futures are done.

        `cancel_futures` cancels those that are not done yet.
        """
        with self.lock:
            was_closed, self.closed = self.closed, True
            pending = list(self.pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
        if not was_closed:
            self.loop.call_soon_threadsafe(self.ended.set)
        if wait and threading.current_thread() is not self.thread:
            self.thread.join()

    def _forget(self, future: Future[Any]) -> None:
        with self.lock:
            self.pending.discard(future)

    # In the loop

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        try:
            await self.ended.wait()
            while self.waiting or self.running:
                if self.waiting:
                    await asyncio.sleep(PACK_SECONDS)
                else:
                    await asyncio.wait(self.running)
        finally:
            await self.client.close()

    def _take(self, call: _Call) -> None:
        """Calls that can be packed wait for others; the rest go immediately."""
        if not can_pack(call.kind, call.params):
            self._begin(self._alone(call))
            return
        calls = self.waiting.setdefault(call.kind, [])
        calls.append(call)
        if len(calls) >= self.pack_max:
            self._together(call.kind)
        elif len(calls) == 1:
            self.loop.call_later(PACK_SECONDS, self._together, call.kind)

    def _together(self, kind: str) -> None:
        if calls := self.waiting.pop(kind, []):
            self._begin(self._packed(kind, calls))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def _alone(self, call: _Call) -> None:
        async with self.room:
            if call.future.done():
                return
            try:
                _resolve(call.future, await self._result(call.kind, call.params, [call]))
            except Exception as error:  # noqa: BLE001  whatever it is, it is the caller's
                _fail([call], error)

    async def _packed(self, kind: str, calls: list[_Call]) -> None:
        """Many calls in one task. A call without a result in it goes alone.

        So a bad call does not cost the others their results.
        """
        wanted = [call for call in calls if not call.future.cancelled()]
        good = [call for call in wanted if _has_valid_params(call)]
        results = await self._many(kind, good) if len(good) > 1 else {}
        for place, result in results.items():
            _resolve(good[place].future, result)
        left = [call for call in good if not call.future.done()]
        await asyncio.gather(*(self._alone(call) for call in left))

    async def _many(self, kind: str, calls: list[_Call]) -> dict[int, Any]:
        """Results by place. Without one a call has to go alone, or has been answered already."""
        async with self.room:
            try:
                params = {"calls": [call.params for call in calls]}
                found = await self._result(kind + CALLS, params, calls, allow_partial=True)
                return dict(found["results"])
            except Exception as error:  # noqa: BLE001  whatever it is, it is the callers'
                if not _may_be_one_calls_fault(error):
                    _fail(calls, error)
                return {}

    async def _result(self, kind: str, params: Params, calls: list[_Call], **options: Any) -> Any:
        """The result of one task, which is cancelled when all its calls are."""
        task = await self.client.submit(
            kind, group=self.group, params=params, **{**self.options, **options}
        )
        unwanted = asyncio.Event()

        def look(_: Future[Any]) -> None:
            if all(call.future.cancelled() for call in calls):
                self.loop.call_soon_threadsafe(unwanted.set)

        for call in calls:
            call.future.add_done_callback(look)
        return await _unless(unwanted, task)


async def _unless(unwanted: asyncio.Event, task: AsyncTask) -> Any:
    """The task's result; cancels it once the event is set."""
    getting, giving_up = asyncio.create_task(task.result()), asyncio.create_task(unwanted.wait())
    try:
        await asyncio.wait([getting, giving_up], return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            raise (await task.cancel()).without_result()
        return getting.result()
    finally:
        giving_up.cancel()
        getting.cancel()


def _resolve(future: Future[Any], result: Any) -> None:
    if not future.done() and future.set_running_or_notify_cancel():
        future.set_result(result)


def _fail(calls: list[_Call], error: Exception) -> None:
    for call in calls:
        if not call.future.done() and call.future.set_running_or_notify_cancel():
            call.future.set_exception(error)


def _may_be_one_calls_fault(error: Exception) -> bool:
    """Whether one of many calls may be to blame for the failure of all."""
    return isinstance(error, TaskFailed) or (
        isinstance(error, ApiError) and error.status == BAD_REQUEST
    )


def _has_valid_params(call: _Call) -> bool:
    """Let params that the kind does not take fail here, before they travel with others."""
    try:
        installed()[call.kind].load(call.params)
    except Exception as error:  # noqa: BLE001  a ParamsError, or what a strange value makes of it
        _fail([call], error)
        return False
    return True


def can_pack(kind: str, params: Params) -> bool:
    """Whether a kind that is installed here says that its calls are small, and this one is."""
    found = installed().get(kind)
    if found is None or not found.small or any(is_array(value) for value in params.values()):
        return False
    try:
        return len(json.dumps(params, default=json_default)) <= CALL_BYTES_MAX
    except (TypeError, ValueError):
        return False  # the error is raised when it is submitted


def first_param(kind: str) -> str:
    """The name of the first param of a kind that is installed here; "" if it is not."""
    found: Kind | None = installed().get(kind)
    return next(iter(found.Params.__struct_fields__), "") if found else ""


def _as_params(name: str, row: tuple[Any, ...]) -> Mapping[str, Any]:
    if len(row) == 1 and isinstance(row[0], Mapping):
        return row[0]
    if len(row) == 1 and name:
        return {name: row[0]}
    raise TypeError(
        "each input is a mapping of params, or the first param of a kind installed here"
    )


def _results(futures: list[Future[Any]], timeout: float | None) -> Iterator[Any]:
    """As Executor.map has them: in order. A caller that stops early cancels the rest."""
    # The time runs from the call of `map`, not from the first `next`.
    end = None if timeout is None else time.monotonic() + timeout
    waiting = futures[::-1]

    def results() -> Iterator[Any]:
        try:
            while waiting:
                future = waiting.pop()
                seconds = None if end is None else end - time.monotonic()
                yield future.result(seconds)
        finally:
            for future in waiting:
                future.cancel()

    return results()
