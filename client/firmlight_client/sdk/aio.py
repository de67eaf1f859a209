"""Firmlight from asyncio.

    async with await AsyncClient.login("https://example.org", "alice", "her password") as client:
        task = await client.submit("FACTORIZATION", group="friends", number=2**61 - 1)
        async for snapshot in task.watch():
            print(snapshot["progress"])
        print(await task.result())

Everything happens in the caller's event loop; `asyncio.timeout` and cancellation work as usual.
`client.py` is made from this file: after a change here, run `make sync-client`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

from firmlight_client import errors
from firmlight_client.sdk.encoding import Moment
from firmlight_client.sdk.live import AsyncLive
from firmlight_client.sdk.lookup import Group, find_group, find_worker
from firmlight_client.sdk.submission import File, Options, submission
from firmlight_client.sdk.task_state import Patience, TaskState
from firmlight_client.tokens import MemoryTokens, Pair, Tokens
from firmlight_client.transport import AsyncTransport

__all__ = ["AsyncClient", "AsyncTask", "File", "Group", "Moment"]


class AsyncClient:
    """One user at one server; `token` is an access token. It belongs to one event loop."""

    def __init__(self, url: str, token: str | None = None, *, tokens: Tokens | None = None) -> None:
        self.transport = AsyncTransport(url, tokens or MemoryTokens(Pair(token or "")))
        self.live = AsyncLive(self.transport)

    @classmethod
    def from_login(cls) -> Self:
        """A client of the user who is logged in on this machine (`firmlight login`).

        FIRMLIGHT_URL and FIRMLIGHT_TOKEN come first. Raises FirmlightClientError if nobody is
        logged in.
        """
        from firmlight_client.auth import session

        url, tokens = session.access()
        return cls(url, tokens=tokens)

    @classmethod
    async def login(cls, url: str, login: str, password: str) -> Self:
        """A client of this user, by user name or e-mail. It renews its tokens itself."""
        return await cls._enter(url, "auth/login/", {"login": login, "password": password})

    @classmethod
    async def register(cls, url: str, username: str, email: str, password: str) -> Self:
        """Make an account; a client of the new user."""
        body = {"username": username, "email": email, "password": password}
        return await cls._enter(url, "auth/register/", body)

    @classmethod
    async def _enter(cls, url: str, path: str, body: dict[str, str]) -> Self:
        client = cls(url)
        try:
            answer = await client.transport.post(path, json=body)
        except errors.FirmlightClientError:
            await client.close()
            raise
        client.transport.tokens = MemoryTokens(Pair(answer["access"], answer["refresh"]))
        return client

    @property
    def pair(self) -> Pair:
        """The tokens as they are now, for callers that want to keep them."""
        return self.transport.tokens.pair

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.live.close()
        await self.transport.close()

    # Tasks

    async def submit(
        self,
        kind: str,
        *,
        group: str,
        title: str | None = None,
        file: File | None = None,
        priority: str | None = None,
        allow_partial: bool = False,
        deadline: Moment | None = None,
        subtask_seconds_max: float | None = None,
        verify: str | None = None,
        params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> AsyncTask:
        """Submit a task to a group (id or name). The kind's params go by keyword, or in `params`.

        A NumPy array as MEAN's `numbers` travels as an NPY file: 8 bytes a number, nothing rounded.
        `file` is a path or an open binary file. `deadline` is a datetime, an ISO time, or how many
        seconds from now; `subtask_seconds_max` is what one subtask may take on a worker before it
        counts as failed. `verify` says how much of it others recompute: "auto" (the default),
        "none", "sample" or "all"; the group may raise it. Beside a file, params say how it is read:
        column="temp", decimal="comma", sheet="S2", heading="no". A connection that breaks meanwhile
        never makes two tasks of one.

        Raises ApiError; its `fields` say what is wrong with which param. A file that can be read in
        several ways has the code "ambiguous_file", and `choices` are the params that would settle
        it.
        """
        options = Options(
            title=title,
            priority=priority,
            allow_partial=allow_partial,
            deadline=deadline,
            subtask_seconds_max=subtask_seconds_max,
            verify=verify,
        )
        with submission(kind, group, {**(params or {}), **more}, file, options) as call:
            answer = await self.transport.call(call)
        self.live.start()  # connected by the time that the result is waited for
        return AsyncTask(self, answer)

    async def task(self, task: str) -> AsyncTask:
        """The task of this id. Raises NotFound."""
        return AsyncTask(self, await self.transport.get(f"tasks/{task}/"))

    async def tasks(self, **filters: Any) -> list[AsyncTask]:
        """Tasks you may see, newest first; filters: group, status, kind, creator, search."""
        return [AsyncTask(self, row) async for row in self._pages("tasks/", **filters)]

    async def latest(self) -> list[AsyncTask]:
        """The first page of `tasks`."""
        answer = await self.transport.get("tasks/")
        return [AsyncTask(self, row) for row in answer["results"]]

    async def kinds(self) -> list[dict[str, Any]]:
        """The kinds of this server: name, title, and the JSON Schema of their params."""
        return await self.transport.get("kinds/")

    # Your workers

    async def workers(self) -> list[dict[str, Any]]:
        """Your machines; `suspended` is why one gets no work, "" if it does."""
        return [row async for row in self._pages("workers/")]

    async def let_back(self, worker: str) -> dict[str, Any]:
        """End the suspension of a worker (id or name); returns the worker. Raises NotFound."""
        found = find_worker(await self.workers(), worker)
        return await self.transport.ask("PATCH", f"workers/{found}/", json={"suspended": False})

    async def drain(self, worker: str) -> None:
        """Have a worker (id or name) finish what it holds, and leave. Raises NotFound."""
        found = find_worker(await self.workers(), worker)
        await self.transport.post(f"workers/{found}/drain/")

    async def create_worker_token(self, name: str) -> dict[str, Any]:
        """`token` is one for `firmlight work`, shown this once; `id` is what revokes it."""
        return await self.transport.post("worker-tokens/", json={"name": name})

    async def revoke_worker_token(self, token_id: str) -> None:
        await self.transport.ask("DELETE", f"worker-tokens/{token_id}/")

    # Groups and people

    async def me(self) -> dict[str, Any]:
        return await self.transport.get("users/me/")

    async def groups(self) -> list[Group]:
        return [Group(row) async for row in self._pages("groups/")]

    async def group(self, called: str) -> Group:
        """Your group of this id or name. Raises NotFound."""
        return find_group(await self.groups(), called)

    async def create_group(self, name: str, **more: Any) -> Group:
        return Group(await self.transport.post("groups/", json={"name": name, **more}))

    async def invite(self, group: str, *usernames: str) -> Any:
        """Invite people to a group, given by its id; what became of it, for each name."""
        body = {"usernames": list(usernames)}
        return await self.transport.post(f"groups/{group}/invitations/", json=body)

    async def invitations(self) -> list[dict[str, Any]]:
        """The invitations that wait for your answer."""
        return [row async for row in self._pages("invitations/")]

    async def accept(self, invitation: str) -> Any:
        return await self.transport.post(f"invitations/{invitation}/accept/")

    async def logout(self, refresh: str) -> None:
        """End the log-in that this refresh token belongs to, its access tokens included."""
        await self.transport.post("auth/logout/", json={"refresh": refresh})

    async def _pages(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """The rows of all pages."""
        answer = await self.transport.get(path, **query)
        page = 1
        while True:
            for row in answer["results"]:
                yield row
            if not answer.get("next"):
                return
            page += 1
            answer = await self.transport.get(path, page=page, **query)


class AsyncTask(TaskState):
    """A submitted task."""

    def __init__(self, client: AsyncClient, info: dict[str, Any]) -> None:
        super().__init__(info)
        self.client = client

    async def refresh(self) -> Self:
        self.info = await self.client.transport.get(f"tasks/{self.id}/")
        self.outcome = []  # what was pushed may have been replaced
        return self

    async def cancel(self) -> Self:
        """End it; there will be no result."""
        return await self._order("cancel")

    async def pause(self) -> Self:
        """Nothing more of it is given out until `resume`; what is done already is kept."""
        return await self._order("pause")

    async def resume(self) -> Self:
        return await self._order("resume")

    async def _order(self, verb: str) -> Self:
        """Have the server do it; it answers with the task."""
        answer = await self.client.transport.post(f"tasks/{self.id}/{verb}/")
        if answer and "status" in answer:
            self.info = answer
            return self
        return await self.refresh()

    async def watch(self, timeout: float | None = None) -> AsyncIterator[dict[str, Any]]:
        """Snapshots as they change, the last one with a final status. Raises ResultTimeout."""
        patience = Patience(timeout)
        if self.is_over:
            yield self.info
            return
        with self.client.live.watching(self.id) as watch:
            seen = 0
            while True:
                seconds = patience.next_look(pushed=self.client.live.is_up)
                seen, snapshot = await watch.wait(seen, seconds)
                if snapshot is None:
                    await self.refresh()
                else:
                    self.info = snapshot
                self.outcome = watch.outcome
                yield self.info
                if self.is_over:
                    return
                patience.check(self)

    async def wait(self, timeout: float | None = None, *, progress: bool = False) -> Self:
        """Return when the task is over, however it ended; `progress` shows a bar meanwhile.

        Raises ResultTimeout.
        """
        from firmlight_client.sdk.progress import bar

        with bar(self.info, shown=progress) as show:
            async for snapshot in self.watch(timeout):
                show(snapshot)
        return self

    async def result(self, timeout: float | None = None, *, progress: bool = False) -> Any:
        """The result, waiting for it; of one that was withdrawn, for the one that replaces it.

        If `verification.how` is "pending" then, it is still being checked: should it turn out to
        be wrong, the submitter is notified, and `refresh` shows it as `withdrawn`.

        Raises TaskFailed, TaskCancelled, ResultTimeout, ResultExpired.
        """
        patience = Patience(timeout)
        while True:
            await self.wait(patience.left, progress=progress)
            if self.status != "succeeded":
                raise self.without_result()
            if self.outcome:
                return self.outcome.pop()  # only once: two callers must not share one object
            try:
                return await self.client.transport.get(f"tasks/{self.id}/result/")
            except errors.ResultWithdrawn:  # since the last look
                patience.check(self)
                await self.refresh()
