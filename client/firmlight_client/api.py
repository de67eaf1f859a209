"""Firmlight from Python.

    client = Client.login("https://example.org", "alice", "her password")
    client.submit("FACTORIZATION", group="friends", number=2**61 - 1).result(timeout=60)

Everything that can go wrong is a FirmlightClientError (`firmlight_client.errors`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from firmlight_client import errors
from firmlight_client.live import Live
from firmlight_client.sending import Moment, instant, is_array, npy, plain
from firmlight_client.tokens import MemoryTokens, Pair, Tokens
from firmlight_client.transport import Transport

FINAL = {"succeeded", "failed", "cancelled"}
POLL_SECONDS_SILENT, POLL_SECONDS_PUSHED = 2.0, 5.0  # without and with a live connection
FOREVER = float("inf")

File = str | Path | BinaryIO


class Client:
    """One user at one server. Safe to share among threads; `token` is an access token."""

    def __init__(self, url: str, token: str | None = None, *, tokens: Tokens | None = None) -> None:
        self.transport = Transport(url, tokens or MemoryTokens(Pair(token or "")))
        self.live = Live(self.transport)

    @classmethod
    def login(cls, url: str, login: str, password: str) -> Self:
        """A client of this user, by user name or e-mail. It renews its tokens itself."""
        return cls._enter(url, "auth/login/", {"login": login, "password": password})

    @classmethod
    def register(cls, url: str, username: str, email: str, password: str) -> Self:
        """Make an account; a client of the new user."""
        return cls._enter(url, "auth/register/", {"username": username, "email": email, "password": password})

    @classmethod
    def _enter(cls, url: str, path: str, body: dict[str, str]) -> Self:
        client = cls(url)
        try:
            answer = client.transport.post(path, json=body)
        except errors.FirmlightClientError:
            client.close()
            raise
        client.transport.tokens = MemoryTokens(Pair(answer["access"], answer["refresh"]))
        return client

    @property
    def pair(self) -> Pair:
        """The tokens as they are now, for who wants to keep them."""
        return self.transport.tokens.pair

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.live.close()
        self.transport.close()

    # Tasks

    def submit(
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
    ) -> Task:
        """Submit a task to a group (id or name). The kind's params go by keyword, or in `params`.

        A NumPy array as MEAN's `numbers` travels as an NPY file: 8 bytes a number, nothing rounded. `file` is
        a path or an open binary file. `deadline` is a datetime, an ISO time, or how many seconds from now;
        `subtask_seconds_max` is what one subtask may take on a worker before it counts as failed.
        Raises ApiError; its `fields` say what is wrong with which param.
        """
        body: dict[str, Any] = {"group": group, "kind": kind, "params": {**(params or {}), **more}}
        optional = {
            "title": title,
            "priority": priority,
            "allow_partial": allow_partial or None,
            "deadline": None if deadline is None else instant(deadline),
            "subtask_seconds_max": subtask_seconds_max,
        }
        body |= {name: value for name, value in optional.items() if value is not None}
        array = body["params"].get("numbers") if kind == "MEAN" and file is None else None
        if is_array(array):
            file = npy(body["params"].pop("numbers"))
        answer = self._submit_json(body) if file is None else self._submit_file(body, file)
        self.live.start()  # it will be there when somebody waits
        return Task(self, answer)

    def _submit_json(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.transport.post("tasks/", content=json.dumps(body, default=plain).encode())

    def _submit_file(self, body: dict[str, Any], file: File) -> dict[str, Any]:
        form = {**body, "params": json.dumps(body["params"], default=plain)}
        form = {name: str(value).lower() if isinstance(value, bool) else value for name, value in form.items()}
        if isinstance(file, str | Path):
            with Path(file).open("rb") as opened:
                return self._submit_file(body, opened)
        name = Path(str(getattr(file, "name", "numbers.npy"))).name
        return self.transport.post("tasks/", data=form, files={"file": (name, file, "application/octet-stream")})

    def task(self, task: str) -> Task:
        """The task of this id. Raises NotFound."""
        return Task(self, self.transport.get(f"tasks/{task}/"))

    def tasks(self, **filters: Any) -> list[Task]:
        """Tasks you may see, newest first; filters: group, status, kind, creator, search."""
        return [Task(self, row) for row in self._pages("tasks/", **filters)]

    # Your workers

    def workers(self) -> list[dict[str, Any]]:
        """Your machines; `suspended` is why one gets no work, "" if it does."""
        return list(self._pages("workers/"))

    def let_back(self, worker: str) -> dict[str, Any]:
        """End the suspension of a worker (id or name); the worker as it is then. Raises NotFound."""
        return self.transport.ask("PATCH", f"workers/{self._worker_id(worker)}/", json={"suspended": False})

    def drain(self, worker: str) -> None:
        """Have a worker (id or name) finish what it holds, and leave. Raises NotFound."""
        self.transport.post(f"workers/{self._worker_id(worker)}/drain/")

    def _worker_id(self, worker: str) -> str:
        """A name is unique among the workers of one owner; an id comes first."""
        known = {row["name"]: str(row["id"]) for row in self.workers()}
        if worker in known.values():
            return worker
        if worker not in known:
            raise errors.NotFound("not_found", f"You have no worker called {worker!r}.", status=404)
        return known[worker]

    # Groups and people

    def me(self) -> dict[str, Any]:
        return self.transport.get("users/me/")

    def groups(self) -> list[dict[str, Any]]:
        return list(self._pages("groups/"))

    def create_group(self, name: str, **more: Any) -> dict[str, Any]:
        return self.transport.post("groups/", json={"name": name, **more})

    def invite(self, group: str, *usernames: str) -> Any:
        """Invite people to a group, given by its id."""
        return self.transport.post(f"groups/{group}/invitations/", json={"usernames": list(usernames)})

    def invitations(self) -> list[dict[str, Any]]:
        """Those that wait for your answer."""
        return list(self._pages("invitations/"))

    def accept(self, invitation: str) -> Any:
        return self.transport.post(f"invitations/{invitation}/accept/")

    def create_worker_token(self, name: str) -> dict[str, Any]:
        """`token` is one for `firmlight work`, shown this once; `id` is what revokes it."""
        return self.transport.post("worker-tokens/", json={"name": name})

    def revoke_worker_token(self, token_id: str) -> None:
        self.transport.ask("DELETE", f"worker-tokens/{token_id}/")

    def logout(self, refresh: str) -> None:
        """End the log-in that this refresh token belongs to, its access tokens included."""
        self.transport.post("auth/logout/", json={"refresh": refresh})

    def _pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            answer = self.transport.get(path, page=page if page > 1 else None, **query)
            yield from answer["results"]
            if not answer.get("next"):
                return
            page += 1


class Task:
    """A submitted task. `info` is the server's last word on it: what `GET /api/tasks/{id}/` shows."""

    def __init__(self, client: Client, info: dict[str, Any]) -> None:
        self.client, self.info = client, info
        self.id: str = info["id"]
        self._outcome: list[Any] = []  # the result, if it came with the last news

    def __repr__(self) -> str:
        return f"<Task {self.id} {self.info.get('kind', '')} {self.status}>"

    @property
    def status(self) -> str:
        """As of the last word; `refresh` asks again."""
        return self.info["status"]

    def refresh(self) -> Self:
        self.info = self.client.transport.get(f"tasks/{self.id}/")
        return self

    def cancel(self) -> Self:
        """End it; there will be no result."""
        return self._told("cancel")

    def pause(self) -> Self:
        """Nothing more of it is given out until `resume`; what is done already is kept."""
        return self._told("pause")

    def resume(self) -> Self:
        return self._told("resume")

    def _told(self, verb: str) -> Self:
        """Have the server do it; the answer is the task."""
        self.info = self.client.transport.post(f"tasks/{self.id}/{verb}/") or self.info
        return self if "status" in self.info else self.refresh()

    def watch(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Snapshots as they change, the last one with a final status. Raises ResultTimeout."""
        deadline = FOREVER if timeout is None else time.monotonic() + timeout
        if self.status in FINAL:
            yield self.info
            return
        with self.client.live.watching(self.id) as watch:
            seen = 0
            while True:
                seen, snapshot = watch.wait(seen, self._patience(deadline))
                self.info = self.refresh().info if snapshot is None else snapshot
                self._outcome = watch.outcome
                yield self.info
                if self.status in FINAL:
                    return
                if time.monotonic() >= deadline:
                    raise errors.ResultTimeout(f"task {self.id} is {self.status} after {timeout:g} s")

    def _patience(self, deadline: float) -> float:
        """How long to wait for news before asking."""
        usual = POLL_SECONDS_PUSHED if self.client.live.is_up else POLL_SECONDS_SILENT
        return max(0.0, min(usual, deadline - time.monotonic()))

    def wait(self, timeout: float | None = None) -> Self:
        """Return when the task is over, however it ended. Raises ResultTimeout."""
        for _ in self.watch(timeout):
            pass
        return self

    def result(self, timeout: float | None = None) -> Any:
        """The result, waiting for it. Raises TaskFailed, TaskCancelled, ResultTimeout, ResultExpired."""
        self.wait(timeout)
        if self.status != "succeeded":
            raise self._ended()
        if not self._outcome:
            self._outcome = [self.client.transport.get(f"tasks/{self.id}/result/")]
        return self._outcome.pop()  # once: who asks again gets one of his own

    def _ended(self) -> errors.TaskEnded:
        known = errors.TaskCancelled if self.status == "cancelled" else errors.TaskFailed
        error = self.info.get("error") or {}
        return known(self.id, error.get("code") or f"task_{self.status}", error.get("message") or f"it {self._was()}")

    def _was(self) -> str:
        return "was cancelled" if self.status == "cancelled" else "failed"
