"""HTTP to one server: kept-alive connections, the token in place, renewed when it ran out, errors as exceptions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from firmlight_client import __version__
from firmlight_client.addresses import is_loopback, server_url
from firmlight_client.errors import ConnectionFailed, NotLoggedIn, api_error
from firmlight_client.tokens import Pair, Tokens

TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=60.0)
TRIES = 4
FIRST_WAIT_SECONDS = 0.2
PASSING_STATUSES = {502, 503, 504}


class Transport:
    """Thread-safe. `close` it, or let it live as long as the process."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self.url, self.tokens = server_url(url), tokens
        self.http = httpx.Client(
            base_url=f"{self.url}/api/",
            timeout=TIMEOUT,
            trust_env=not is_loopback(self.url),
            headers={"User-Agent": f"firmlight-client/{__version__}", "Accept": "application/json"},
        )

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, **content: Any) -> Any:
        return self.ask("POST", path, **content)

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """The JSON of the answer (None if it is empty). Raises ApiError and ConnectionFailed."""
        access = self.tokens.access()
        answer = self._send(method, path, access, content)
        if answer.status_code == httpx.codes.UNAUTHORIZED and access:
            access = self.renew(access)
            if access:
                _rewind(content)
                answer = self._send(method, path, access, content)
        return _read(answer)

    def renew(self, stale: str) -> str:
        """An access token other than `stale`, "" if the user must log in again."""
        return self.tokens.renewed(stale, self._spend)

    def _spend(self, refresh: str) -> Pair:
        try:
            body = _read(self._send("POST", "auth/refresh/", "", {"json": {"refresh": refresh}}))
        except NotLoggedIn:
            return Pair()
        return Pair(body["access"], body["refresh"])

    def _send(self, method: str, path: str, access: str, content: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {access}"} if access else {}
        if "content" in content:
            headers["Content-Type"] = "application/json"
        try:
            return _with_retries(method, lambda: self.http.request(method, path, headers=headers, **content))
        except httpx.TransportError as error:
            raise ConnectionFailed(f"{self.url} cannot be reached: {error or type(error).__name__}") from error

    def close(self) -> None:
        self.http.close()


def _with_retries(method: str, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Try again what may pass. What is no GET goes twice only if it never reached the server."""
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            answer = send()
        except httpx.ConnectError:
            if last:
                raise
        except httpx.TransportError:
            if last or method != "GET":
                raise
        else:
            if last or method != "GET" or answer.status_code not in PASSING_STATUSES:
                return answer
        time.sleep(FIRST_WAIT_SECONDS * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _rewind(content: dict[str, Any]) -> None:
    """A file that was sent once must be sent from its beginning again."""
    for _, file, *_ in (content.get("files") or {}).values():
        file.seek(0)


def _read(answer: httpx.Response) -> Any:
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
