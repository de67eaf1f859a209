"""A server's side of REST and `/ws/live/`, as far as a client's tests need one: tasks that end when
a test says so.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import uvicorn

from firmlight_client import protocol

Scope, Receive, Send = (
    dict[str, Any],
    Callable[[], Awaitable[Any]],
    Callable[[Any], Awaitable[None]],
)
Answer = tuple[int, Any]
AFTER = {"cancel": "cancelled", "pause": "paused", "resume": "running"}


class WebPeer:
    """`asked` lists (method, path, body) of every request. `access` and `refresh` are the tokens it
    takes now.

    `device_answers`: the answers to a program that waits for its code to be confirmed, in turn.
    `troubles`: what happens to the next requests but log-ins: "lost" does what is asked and breaks
    the connection before it answers, a number is the status of the answer, and nothing is done.
    (status, body) is an answer, too. `keys`: the task that each Idempotency-Key has made.
    `compute`: makes the result of each new task at once; a ValueError fails it. `outcomes`: what
    becomes of the names that are invited. `pushes`: whether it opens `/ws/live/`. `tasks`,
    `results` and `workers` are what it shows; `change` tells watchers. `worker_tokens`: those that
    its `/ws/worker/` takes; more does not happen there.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.access, self.refresh, self.renewals = "access-0", "refresh-0", 0
        self.tasks: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Answer] = {}
        self.workers: dict[str, dict[str, Any]] = {}
        self.device_answers: list[Answer] = []
        self.troubles: list[str | int | Answer] = []
        self.keys: dict[str, str] = {}
        self.compute: Callable[[str, Any], Any] | None = None
        self.outcomes: dict[str, str] = {}
        self.invitations: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = [{"id": "g1", "name": "Lab Seven", "description": ""}]
        self.worker_tokens = {"flw_secret", "flw_other", "flw_1", "flw_2"}
        self.pushes, self.watchers = True, list[tuple[str, Send]]()
        self.lines: list[asyncio.Event] = []
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            port=0,
            log_config=None,
            lifespan="off",
            ws="websockets-sansio",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Self:
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.break_lines()
        self.server.should_exit = True
        self.thread.join()

    # What a test does

    def change(self, task: str, **facts: Any) -> None:
        """The task is now so, and all who watch it hear of it."""
        self.tasks[task].update(facts)
        self._call(self._announce(task))

    def end(self, task: str, result: Any) -> None:
        self.results[task] = 200, result
        self.change(task, status="succeeded")

    def break_lines(self) -> None:
        async def cut() -> None:
            for line in self.lines:
                line.set()

        self._call(cut())

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(5) if hasattr(
            self, "loop"
        ) else work.close()

    async def _announce(self, task: str) -> None:
        for watched, send in list(self.watchers):
            if watched == task:
                await _say(send, {"type": "task", "task": self.tasks[task]})

    # What it answers

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        knows = headers.get("authorization") == f"Bearer {self.access}"
        if scope["type"] == "websocket" and scope["path"] == "/ws/worker/":
            token = headers.get("authorization", "").removeprefix("Bearer ")
            await self._worker_socket(token, receive, send)
            return
        if scope["type"] == "websocket":
            await self._live(knows, receive, send)
            return
        body = b""
        while (message := await receive()).get("more_body") or message.get("body"):
            body += message["body"]
            if not message.get("more_body"):
                break
        if headers.get("content-type") == "application/json":
            body = json.loads(body)
        path = scope["path"].removeprefix("/api/")
        self.asked.append((scope["method"], path, body))
        trouble = self.troubles.pop(0) if self.troubles and not path.startswith("auth/") else ""
        self.key = headers.get("idempotency-key", "")
        if isinstance(trouble, int):
            status, answer = trouble, {"code": "passing", "message": "Come again."}
        elif isinstance(trouble, tuple):
            status, answer = trouble
        else:
            status, answer = self._answer(scope["method"], path, body, knows=knows)
        json_type = [(b"content-type", b"application/json"), (b"retry-after", b"0")]
        if trouble == "lost":
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [*json_type, (b"content-length", b"99")],
                }
            )
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            return
        await send({"type": "http.response.start", "status": status, "headers": json_type})
        await send(
            {
                "type": "http.response.body",
                "body": b"" if answer is None else json.dumps(answer).encode(),
            }
        )

    def _answer(self, method: str, path: str, body: Any, *, knows: bool) -> Answer:
        if path == "auth/refresh/":
            return self._renew(body["refresh"])
        if path in ("auth/login/", "auth/register/"):
            if body["password"] != "right":
                return 401, {
                    "code": "bad_credentials",
                    "message": "User name or password is wrong.",
                }
            return 200, {
                "user": {"username": "alice"},
                "access": self.access,
                "refresh": self.refresh,
            }
        if path == "auth/device/":
            return 200, {
                **{
                    "device_code": "d1",
                    "user_code": "BCDF-GHJK",
                    "verification_uri": f"{self.url}/device/",
                },
                **{
                    "verification_uri_complete": f"{self.url}/device/?code=BCDF-GHJK",
                    "expires_in": 30,
                    "interval": 0,
                },
            }
        if path == "auth/device/token/":
            return self.device_answers.pop(0)
        if not knows:
            return 401, {"code": "not_authenticated", "message": "Log in first."}
        return self._known(method, path, body)

    def _known(self, method: str, path: str, body: Any) -> Answer:
        parts = path.strip("/").split("/")
        if method == "POST" and path == "tasks/":
            return self._submit(body)
        if parts[0] == "tasks":
            return self._task(parts[1:])
        if parts[0] == "groups":
            return self._group(method, parts[1:], body)
        if parts[0] == "invitations" and len(parts) == 1:
            return 200, {"results": self.invitations, "next": None}
        if parts[0] == "invitations":
            self.invitations = [row for row in self.invitations if row["id"] != parts[1]]
            return 200, {"detail": "joined"}
        if parts[0] == "workers":
            return self._worker(method, parts[1:], body)
        if path == "users/me/":
            return 200, {"id": "u1", "username": "alice", "email": "alice@example.org"}
        if path == "worker-tokens/":
            return 201, {"id": "wt1", "name": body["name"], "token": "flw_secret"}
        return (
            (204, None)
            if method == "DELETE" or path == "auth/logout/"
            else (404, {"code": "not_found"})
        )

    def _task(self, parts: list[str]) -> Answer:
        if not parts:
            return 200, {"results": list(self.tasks.values()), "next": None}
        if parts[0] not in self.tasks:
            return 404, {"code": "not_found", "message": "There is nothing here."}
        if parts[-1] == "result":
            return self.results.get(
                parts[0], (409, {"code": "result_not_ready", "message": "It still runs."})
            )
        self.tasks[parts[0]].update(status=AFTER.get(parts[-1], self.tasks[parts[0]]["status"]))
        return 200, self.tasks[parts[0]]

    def _worker(self, method: str, parts: list[str], body: Any) -> Answer:
        if not parts:
            return 200, {"results": list(self.workers.values()), "next": None}
        if parts[0] not in self.workers:
            return 404, {"code": "not_found", "message": "There is nothing here."}
        if parts[-1] == "drain" and method == "POST":
            return 204, None
        if method == "PATCH" and body == {"suspended": False}:
            self.workers[parts[0]]["suspended"] = ""
        return 200, self.workers[parts[0]]

    def _group(self, method: str, parts: list[str], body: Any) -> Answer:
        if method == "POST" and parts[1:] == ["invitations"]:
            became = [(name, self.outcomes.get(name, "invited")) for name in body["usernames"]]
            return 201, [
                {"username": name, "outcome": outcome, "invitation": "i1"}
                for name, outcome in became
            ]
        return 200, {"results": self.groups, "next": None}

    def _submit(self, body: Any) -> Answer:
        if isinstance(body, dict) and body["kind"] == "NOTHING":
            return 400, {
                "code": "invalid",
                "message": "Some fields are not right.",
                "fields": {"kind": ["unknown"]},
            }
        if self.key in self.keys:  # sent again
            return 201, self.tasks[self.keys[self.key]]
        task = self.keys[self.key or f"none {len(self.tasks)}"] = f"t{len(self.tasks)}"
        self.tasks[task] = {
            "id": task,
            "kind": "K",
            "status": "queued",
            "progress": 0.0,
            "error": None,
            "title": "",
        }
        if self.compute and isinstance(body, dict):
            self._end_at_once(task, body)
        return 201, self.tasks[task]

    def _end_at_once(self, task: str, body: Any) -> None:
        try:
            self.results[task] = 200, self.compute(body["kind"], body["params"])  # type: ignore[misc]
            self.tasks[task]["status"] = "succeeded"
        except ValueError as error:
            self.tasks[task].update(
                status="failed", error={"code": "subtask_failed", "message": str(error)}
            )

    def _renew(self, refresh: str) -> Answer:
        """A refresh token is good once; the second use of one would end the log-in."""
        if refresh != self.refresh:
            return 401, {"code": "bad_token", "message": "This token is no longer valid."}
        self.renewals += 1
        self.access, self.refresh = f"access-{self.renewals}", f"refresh-{self.renewals}"
        return 200, {"access": self.access, "refresh": self.refresh}

    async def _worker_socket(self, token: str, receive: Receive, send: Send) -> None:
        """As the server: a token that is not known is refused, a first frame must be a hello."""
        await receive()
        await send({"type": "websocket.accept", "subprotocol": protocol.SUBPROTOCOL})
        code, close = "bad_token", protocol.CLOSE_BAD_TOKEN
        if token in self.worker_tokens:
            await receive()
            code, close = "unexpected_frame", protocol.CLOSE_MALFORMED
        frame = protocol.Error(code=code, message="This token is not known here.")
        await send({"type": "websocket.send", "bytes": protocol.encode(frame)})
        await send({"type": "websocket.close", "code": close})

    async def _live(self, knows: bool, receive: Receive, send: Send) -> None:
        await receive()
        if not self.pushes:
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        if not knows:
            await send({"type": "websocket.close", "code": 4401})
            return
        line = asyncio.Event()
        self.lines.append(line)
        reading = asyncio.create_task(self._read(receive, send))
        cutting = asyncio.create_task(line.wait())
        await asyncio.wait([reading, cutting], return_when=asyncio.FIRST_COMPLETED)
        self.watchers = [watcher for watcher in self.watchers if watcher[1] is not send]
        if not reading.done():
            reading.cancel()
            await send({"type": "websocket.close", "code": 1012})
        cutting.cancel()

    async def _read(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            said = json.loads(message["text"])
            if said["type"] == "subscribe":
                self.watchers.append((said["task"], send))
                await _say(send, {"type": "task", "task": self.tasks[said["task"]]})
            else:
                self.watchers.remove((said["task"], send))


async def _say(send: Send, message: dict[str, Any]) -> None:
    await send({"type": "websocket.send", "text": json.dumps(message)})
