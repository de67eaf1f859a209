"""HTTP to one server: connections kept alive, tokens sent and renewed, errors as exceptions.

`exchange` decides what is sent, when it is sent again and what an answer means. It does no I/O: it
yields steps. `Transport` carries them out and blocks meanwhile, `AsyncTransport` does it in an
event loop.
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
    """One request; `content` is what httpx takes.

    `key` (Idempotency-Key) names it: the server does it once even if it arrives twice.
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
    """Send the call with this access token. The answer is the response or the TransportError."""

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
    """Wait so long."""

    seconds: float


@dataclass(frozen=True)
class Renew:
    """Get an access token other than `stale`. The answer is "" if there is none."""

    stale: str


Outcome = httpx.Response | httpx.TransportError
Step = Send | Pause | Renew
Steps = Generator[Step, Any, Any]


def exchange(call: Call, access: str) -> Steps:
    """The JSON of the answer, None if it is empty. Raises ApiError and ConnectionFailed."""
    answer = yield from _patiently(call, access)
    if answer.status_code == httpx.codes.UNAUTHORIZED and access:
        fresh: str = yield Renew(access)
        if fresh:
            answer = yield from _patiently(call, fresh)
    return read(answer)


def _patiently(call: Call, access: str) -> Generator[Step, Any, httpx.Response]:
    """The last answer, after waiting as often and as long as the server asks for."""
    for _ in range(HELD_OFF_TIMES_MAX):
        answer = yield from _until_answered(call, access)
        pause = _asked_to_wait(answer) if call.key else 0.0
        if not pause:
            return answer
        yield Pause(pause)
    return answer


def _until_answered(call: Call, access: str) -> Generator[Step, Any, httpx.Response]:
    """Try again after failures that may be temporary."""
    outcome: Outcome = yield Send(call, access)
    for attempt in range(TRIES - 1):
        if not _is_temporary(call, outcome):
            break
        yield Pause(FIRST_WAIT_SECONDS * 2**attempt)
        outcome = yield Send(call, access)
    if isinstance(outcome, httpx.TransportError):
        raise ConnectionFailed(str(outcome) or type(outcome).__name__) from outcome
    return outcome


def _is_temporary(call: Call, outcome: Outcome) -> bool:
    """Whether to send the call again.

    A call that is not repeatable is sent again only if it never reached the server.
    """
    if isinstance(outcome, httpx.ConnectError):
        return True
    if not call.repeatable:
        return False
    return isinstance(outcome, httpx.TransportError) or outcome.status_code in PASSING_STATUSES


def _asked_to_wait(answer: httpx.Response) -> float:
    """For how many seconds; 0 if it does not ask, or for too long."""
    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
        return 0.0
    text = answer.headers.get("Retry-After", "")
    if not text.isdecimal() or float(text) > HELD_OFF_SECONDS_MAX:
        return 0.0
    return max(float(text), 0.1)


def read(answer: httpx.Response) -> Any:
    """The JSON of an answer, read by Python's own module: integers stay exact, whatever their size.

    Raises ApiError, and ConnectionFailed for what is no answer of Firmlight.
    """
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
    """The same with the address, if the words are httpx's."""
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
        answer = None
        try:
            while True:
                answer = self._do(steps.send(answer))
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
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        return self.renew(step.stale)

    def renew(self, stale: str) -> str:
        """An access token other than `stale`, "" if the user must log in again."""
        return self.tokens.renewed(stale, self.spend)

    def spend(self, refresh: str) -> Pair:
        """The pair that this refresh token brings; an empty one if it is no longer valid."""
        call = Call("POST", "auth/refresh/", {"json": {"refresh": refresh}})
        try:
            body = self._carry_out(exchange(call, ""))
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
        steps, answer = exchange(call, self.tokens.access()), None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            except ConnectionFailed as error:
                raise _unreachable(self.url, error) from error.__cause__
            answer = await self._do(step)

    async def _do(self, step: Step) -> Any:
        if isinstance(step, Send):
            try:
                return await self.http.request(**step.request)
            except httpx.TransportError as error:
                return error
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        return await self.renew(step.stale)

    async def renew(self, stale: str) -> str:
        """As `Transport.renew`, in a thread.

        Tokens may lie in a file, and waiting for its lock must not hold up the loop.
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
