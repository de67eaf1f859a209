"""Firmlight from asyncio: `firmlight_client.sdk.client` with `await`.

    async with await AsyncClient.login("https://example.org", "alice", "her password") as client:
        task = await client.submit("FACTORIZATION", group="friends", number=2**61 - 1)
        async for snapshot in task.watch():
            print(snapshot["progress"])
        print(await task.result())

Everything happens in the loop of the caller; `asyncio.timeout` and cancellation do what they
should.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

from firmlight_client import errors
from firmlight_client.sdk.encoding import Moment
from firmlight_client.sdk.live import AsyncLive
from firmlight_client.sdk.submission import File, Options, submission
from firmlight_client.sdk.task_state import Group, Patience, Told, group_called, worker_called
from firmlight_client.tokens import MemoryTokens, Pair, Tokens
from firmlight_client.transport import AsyncTransport

__all__ = ["AsyncClient", "AsyncTask"]


class AsyncClient:
    """One user at one server, of one event loop; `token` is an access token."""

    def __init__(self, url: str, token: str | None = None, *, tokens: Tokens | None = None) -> None:
        self.transport = AsyncTransport(url, tokens or MemoryTokens(Pair(token or "")))
        self.live = AsyncLive(self.transport)

    @classmethod
    def from_login(cls) -> Self:
        """As `Client.from_login`."""
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
        return await cls._enter(
            url, "auth/register/", {"username": username, "email": email, "password": password}
        )

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
        """The tokens as they are now, for who wants to keep them."""
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
        params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> AsyncTask:
        """As `Client.submit`."""
        options = Options(
            title=title,
            priority=priority,
            allow_partial=allow_partial,
            deadline=deadline,
            subtask_seconds_max=subtask_seconds_max,
        )
        with submission(kind, group, {**(params or {}), **more}, file, options) as call:
            answer = await self.transport.call(call)
        self.live.start()
        return AsyncTask(self, answer)

    async def task(self, task: str) -> AsyncTask:
        """The task of this id. Raises NotFound."""
        return AsyncTask(self, await self.transport.get(f"tasks/{task}/"))

    async def tasks(self, **filters: Any) -> list[AsyncTask]:
        """Tasks you may see, newest first; filters: group, status, kind, creator, search."""
        return [AsyncTask(self, row) async for row in self._pages("tasks/", **filters)]

    async def kinds(self) -> list[dict[str, Any]]:
        """The kinds of this server: name, title, and the JSON Schema of their params."""
        return await self.transport.get("kinds/")

    # Your workers

    async def workers(self) -> list[dict[str, Any]]:
        """Your machines; `suspended` is why one gets no work, "" if it does."""
        return [row async for row in self._pages("workers/")]

    async def let_back(self, worker: str) -> dict[str, Any]:
        """End the suspension of a worker (id or name); the worker as it is then. Raises NotFound."""
        called = worker_called(await self.workers(), worker)
        return await self.transport.ask("PATCH", f"workers/{called}/", json={"suspended": False})

    async def drain(self, worker: str) -> None:
        """Have a worker (id or name) finish what it holds, and leave. Raises NotFound."""
        await self.transport.post(f"workers/{worker_called(await self.workers(), worker)}/drain/")

    # Groups and people

    async def me(self) -> dict[str, Any]:
        return await self.transport.get("users/me/")

    async def groups(self) -> list[Group]:
        return [Group(row) async for row in self._pages("groups/")]

    async def group(self, called: str) -> Group:
        """Your group of this id or name. Raises NotFound."""
        return group_called(await self.groups(), called)

    async def create_group(self, name: str, **more: Any) -> Group:
        return Group(await self.transport.post("groups/", json={"name": name, **more}))

    async def invite(self, group: str, *usernames: str) -> Any:
        """Invite people to a group, given by its id; what became of it, for each name."""
        return await self.transport.post(
            f"groups/{group}/invitations/", json={"usernames": list(usernames)}
        )

    async def invitations(self) -> list[dict[str, Any]]:
        """Those that wait for your answer."""
        return [row async for row in self._pages("invitations/")]

    async def accept(self, invitation: str) -> Any:
        return await self.transport.post(f"invitations/{invitation}/accept/")

    async def logout(self, refresh: str) -> None:
        """End the log-in that this refresh token belongs to, its access tokens included."""
        await self.transport.post("auth/logout/", json={"refresh": refresh})

    async def _pages(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        page = 1
        while True:
            answer = await self.transport.get(path, page=page if page > 1 else None, **query)
            for row in answer["results"]:
                yield row
            if not answer.get("next"):
                return
            page += 1


class AsyncTask(Told):
    """A submitted task."""

    def __init__(self, client: AsyncClient, info: dict[str, Any]) -> None:
        super().__init__(info)
        self.client = client

    async def refresh(self) -> Self:
        self.info = await self.client.transport.get(f"tasks/{self.id}/")
        return self

    async def cancel(self) -> Self:
        """End it; there will be no result."""
        return await self._told("cancel")

    async def pause(self) -> Self:
        """Nothing more of it is given out until `resume`; what is done already is kept."""
        return await self._told("pause")

    async def resume(self) -> Self:
        return await self._told("resume")

    async def _told(self, verb: str) -> Self:
        """Have the server do it; the answer is the task."""
        self.info = await self.client.transport.post(f"tasks/{self.id}/{verb}/") or self.info
        return self if "status" in self.info else await self.refresh()

    async def watch(self, timeout: float | None = None) -> AsyncIterator[dict[str, Any]]:  # noqa: ASYNC109  as Task has it
        """Snapshots as they change, the last one with a final status. Raises ResultTimeout."""
        patience = Patience(timeout)
        if self.is_over:
            yield self.info
            return
        with self.client.live.watching(self.id) as watch:
            seen = 0
            while True:
                seen, snapshot = await watch.wait(
                    seen, patience.next_look(pushed=self.client.live.is_up)
                )
                self.info = (await self.refresh()).info if snapshot is None else snapshot
                self.outcome = watch.outcome
                yield self.info
                if self.is_over:
                    return
                patience.check(self)

    async def wait(self, timeout: float | None = None) -> Self:  # noqa: ASYNC109  as Task has it
        """Return when the task is over, however it ended. Raises ResultTimeout."""
        async for _ in self.watch(timeout):
            pass
        return self

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109  as Task has it
        """The result, waiting for it. Raises TaskFailed, TaskCancelled, ResultTimeout,
        ResultExpired.
        """
        await self.wait(timeout)
        if self.status != "succeeded":
            raise self.without_result()
        if not self.outcome:
            self.outcome = [await self.client.transport.get(f"tasks/{self.id}/result/")]
        return self.outcome.pop()
