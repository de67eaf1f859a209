"""HTTP to one server: kept-alive connections, the token in place, renewed when it ran out, errors
as exceptions.

What is sent, when again and what an answer means is decided by `exchange`, which does no I/O: it
yields steps. `Transport` carries them out blocking, `AsyncTransport` in an event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import httpx

from firmlight_client.addresses import is_loopback, server_url
from firmlight_client.errors import ConnectionFailed, NotLoggedIn, api_error
from firmlight_client.tokens import MemoryTokens, Pair, Tokens
from firmlight_client.version import __version__

TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=60.0)
LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=20)
TRIES = 4
FIRST_WAIT_SECONDS = 0.2
PASSING_STATUSES = {502, 503, 504}
HELD_OFF_SECONDS_MAX = 60.0  # that a submission waits if the server asks for it (429, Retry-After)
HELD_OFF_TIMES_MAX = 10


@dataclass(frozen=True)
class Call:
    """One request; `content` is what httpx takes. `key` names it (Idempotency-Key): sent twice, it
    is done once.
    """

    method: str
    path: str
    content: dict[str, Any] = field(default_factory=dict)
    key: str = ""

    @property
    def repeatable(self) -> bool:
        return self.method == "GET" or bool(self.key)


@dataclass(frozen=True)
class Send:
    """Send the call with this access token; to be answered with the response, or with the
    TransportError.
    """

    call: Call
    access: str

    @property
    def request(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        if "content" in self.call.content:
            headers["Content-Type"] = "application/json"
        if self.call.key:
            headers["Idempotency-Key"] = self.call.key
        return {
            "method": self.call.method,
            "url": self.call.path,
            "headers": headers,
            **self.call.content,
        }


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Renew:
    """To be answered with an access token other than `stale`, "" if there is none to be had."""

    stale: str


Outcome = httpx.Response | httpx.TransportError
Step = Send | Pause | Renew
Steps = Generator[Step, Any, Any]


def exchange(call: Call, access: str) -> Steps:
    """Returns the JSON of the answer (None if it is empty). Raises ApiError and ConnectionFailed."""
    answer = yield from _patiently(call, access)
    if answer.status_code == httpx.codes.UNAUTHORIZED and access:
        fresh: str = yield Renew(access)
        if fresh:
            answer = yield from _patiently(call, fresh)
    return read(answer)


def _patiently(call: Call, access: str) -> Generator[Step, Any, httpx.Response]:
    """The last answer, held off by the server or not."""
    for _ in range(HELD_OFF_TIMES_MAX):
        answer = yield from _until_answered(call, access)
        pause = _asked_to_wait(answer) if call.key else 0.0
        if not pause:
            return answer
        yield Pause(pause)
    return answer


def _until_answered(call: Call, access: str) -> Generator[Step, Any, httpx.Response]:
    """Try again what may pass."""
    outcome: Outcome = yield Send(call, access)
    for attempt in range(TRIES - 1):
        if not _may_pass(call, outcome):
            break
        yield Pause(FIRST_WAIT_SECONDS * 2**attempt)
        outcome = yield Send(call, access)
    if isinstance(outcome, httpx.TransportError):
        raise ConnectionFailed(str(outcome) or type(outcome).__name__) from outcome
    return outcome


def _may_pass(call: Call, outcome: Outcome) -> bool:
    """What is neither a GET nor named by a key goes twice only if it never reached the server."""
    if isinstance(outcome, httpx.ConnectError):
        return True
    return call.repeatable and (
        isinstance(outcome, httpx.TransportError) or outcome.status_code in PASSING_STATUSES
    )


def _asked_to_wait(answer: httpx.Response) -> float:
    """How many seconds, 0 if it is not, or for too long."""
    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
        return 0.0
    text = answer.headers.get("Retry-After", "")
    return (
        max(float(text), 0.1) if text.isdecimal() and float(text) <= HELD_OFF_SECONDS_MAX else 0.0
    )


def read(answer: httpx.Response) -> Any:
    """Python's own JSON: integers stay exact, whatever their size."""
    try:
        body = answer.json() if answer.content else None
    except ValueError:
        raise ConnectionFailed(
            f"{answer.request.url.host} answered {answer.status_code}, and not as Firmlight does"
        ) from None
    if answer.is_success:
        return body
    raise api_error(answer.status_code, body if isinstance(body, dict) else {})


def get(path: str, query: dict[str, Any]) -> Call:
    return Call(
        "GET", path, {"params": {name: value for name, value in query.items() if value is not None}}
    )


def _options(url: str) -> dict[str, Any]:
    return {
        "base_url": f"{url}/api/",
        "timeout": TIMEOUT,
        "limits": LIMITS,
        "trust_env": not is_loopback(url),
        "headers": {"User-Agent": f"firmlight-client/{__version__}", "Accept": "application/json"},
    }


def _unreachable(url: str, error: ConnectionFailed) -> ConnectionFailed:
    """The same, with the address, if it is httpx that speaks."""
    return ConnectionFailed(f"{url} cannot be reached: {error}") if error.__cause__ else error


class Transport:
    """Thread-safe. `close` it, or let it live as long as the process."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self.url, self.tokens = server_url(url), tokens
        self.http = httpx.Client(**_options(self.url))

    def get(self, path: str, **query: Any) -> Any:
        return self.call(get(path, query))

    def post(self, path: str, **content: Any) -> Any:
        return self.call(Call("POST", path, content))

    def ask(self, method: str, path: str, **content: Any) -> Any:
        return self.call(Call(method, path, content))

    def call(self, call: Call) -> Any:
        """The JSON of the answer (None if it is empty). Raises ApiError and ConnectionFailed."""
        return self._carry_out(exchange(call, self.tokens.access()))

    def _carry_out(self, steps: Steps) -> Any:
        said = None
        try:
            while True:
                said = self._do(steps.send(said))
        except StopIteration as end:
            return end.value
        except ConnectionFailed as error:
            raise _unreachable(self.url, error) from error.__cause__

    def _do(self, step: Step) -> Any:
        if isinstance(step, Send):
            try:
                return self.http.request(**step.request)
            except httpx.TransportError as error:
                return error
        return time.sleep(step.seconds) if isinstance(step, Pause) else self.renew(step.stale)

    def renew(self, stale: str) -> str:
        """An access token other than `stale`, "" if the user must log in again."""
        return self.tokens.renewed(stale, self.spend)

    def spend(self, refresh: str) -> Pair:
        """The pair that this refresh token brings; an empty one if it is not good any more."""
        try:
            body = self._carry_out(
                exchange(Call("POST", "auth/refresh/", {"json": {"refresh": refresh}}), "")
            )
        except NotLoggedIn:
            return Pair()
        return Pair(body["access"], body["refresh"])

    def close(self) -> None:
        self.http.close()


class AsyncTransport:
    """The same in the event loop that uses it first."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self.url, self.tokens = server_url(url), tokens
        self.http = httpx.AsyncClient(**_options(self.url))

    async def get(self, path: str, **query: Any) -> Any:
        return await self.call(get(path, query))

    async def post(self, path: str, **content: Any) -> Any:
        return await self.call(Call("POST", path, content))

    async def ask(self, method: str, path: str, **content: Any) -> Any:
        return await self.call(Call(method, path, content))

    async def call(self, call: Call) -> Any:
        """The JSON of the answer (None if it is empty). Raises ApiError and ConnectionFailed."""
        steps, said = exchange(call, self.tokens.access()), None
        while True:
            try:
                step = steps.send(said)
            except StopIteration as end:
                return end.value
            except ConnectionFailed as error:
                raise _unreachable(self.url, error) from error.__cause__
            said = await self._do(step)

    async def _do(self, step: Step) -> Any:
        if isinstance(step, Send):
            try:
                return await self.http.request(**step.request)
            except httpx.TransportError as error:
                return error
        return await (
            asyncio.sleep(step.seconds) if isinstance(step, Pause) else self.renew(step.stale)
        )

    async def renew(self, stale: str) -> str:
        """Tokens may lie in a file that other processes lock: waiting for those must not hold up
        the loop.
        """
        return await asyncio.to_thread(_renewed, self.url, self.tokens, stale)

    async def close(self) -> None:
        await self.http.aclose()


def _renewed(url: str, tokens: Tokens, stale: str) -> str:
    transport = Transport(url, MemoryTokens(Pair()))
    try:
        return tokens.renewed(stale, transport.spend)
    finally:
        transport.close()
