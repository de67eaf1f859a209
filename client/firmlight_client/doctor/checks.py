"""`firmlight doctor`: everything that may keep a machine from working, looked at in turn."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.request import getproxies

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from firmlight_client import protocol
from firmlight_client.addresses import is_loopback, proxy_for, websocket_url
from firmlight_client.auth import session
from firmlight_client.doctor import slots
from firmlight_client.doctor.slots import BAD, FINE, NOTE, Finding
from firmlight_client.errors import FirmlightClientError
from firmlight_client.text import count, one_line
from firmlight_client.version import __version__
from firmlight_client.worker import machine, service
from firmlight_client.worker.consent import group_file, rules
from firmlight_client.worker.consent.rulebook import Rulebook

SECONDS_MAX = 10.0
CLOCK_SECONDS = 60.0
TOKEN_SECONDS = 1.5  # a server that does not want a token says so at once
FREE_BYTES_MIN = 500 * 2**20


def findings() -> Iterator[Finding]:
    """One after another, as they are made."""
    yield Finding(
        "client", FINE, f"{__version__}, Python {sys.version.split()[0]} on {sys.platform}"
    )
    try:
        url, token = session.worker_access()
    except (FirmlightClientError, ValueError) as error:
        yield Finding("log-in", BAD, str(error))
    else:
        kept = f"kept in {session.home()}"
        yield Finding(
            "log-in", FINE, "FIRMLIGHT_TOKEN" if os.environ.get("FIRMLIGHT_TOKEN") else kept
        )
        yield _proxy(url)
        yield from _server(url)
        yield _socket(url, token)
    yield from _rules()
    yield _machine()
    yield _disk(session.home())
    yield _service()
    yield from asyncio.run(slots.look())


def _proxy(url: str) -> Finding:
    if is_loopback(url):
        return Finding("proxy", FINE, "none: the server is this machine")
    found = getproxies()
    used = found.get(url.partition(":")[0]) or found.get("all")
    return Finding(
        "proxy", NOTE if used else FINE, f"{used} (by the environment)" if used else "none"
    )


def _server(url: str) -> Iterator[Finding]:
    """Whether it answers, and what it thinks the time is."""
    started = time.monotonic()
    try:
        answer = httpx.get(f"{url}/healthz", timeout=SECONDS_MAX, trust_env=not is_loopback(url))
    except httpx.HTTPError as error:
        yield Finding(
            "server",
            BAD,
            f"{url} cannot be reached: {error or type(error).__name__}. {_advice(error)}",
        )
        return
    if not answer.is_success:
        yield Finding(
            "server", BAD, f"{url} answered {answer.status_code}: is this the address of Firmlight?"
        )
        return
    yield Finding("server", FINE, f"{url} answers in {(time.monotonic() - started) * 1000:.0f} ms")
    yield _clock(answer.headers.get("Date", ""))


def _advice(error: Exception) -> str:
    words = str(error)
    if "certificate" in words.lower():
        return "If a proxy here has a certificate of its own, name it in SSL_CERT_FILE; check this machine's date, too."
    return "Check the address, the network, and whether the server runs."


def _clock(date: str) -> Finding:
    try:
        off = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return Finding("clock", NOTE, "the server does not say what time it is")
    if abs(off) < CLOCK_SECONDS:
        return Finding("clock", FINE, "as the server's")
    way = "fast" if off > 0 else "slow"
    return Finding(
        "clock",
        NOTE,
        f"{abs(off):,.0f} s {way}: work goes on, hours and certificates are judged by it",
    )


def _socket(url: str, token: str) -> Finding:
    """The way of the worker's own connection; who is not wanted is told so at once."""
    try:
        with connect(
            websocket_url(url, "/ws/worker/"),
            subprotocols=[Subprotocol(protocol.SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            open_timeout=SECONDS_MAX,
            proxy=proxy_for(url),
        ) as line:
            frame = protocol.decode_from_server(line.recv(TOKEN_SECONDS))  # type: ignore[arg-type]
    except TimeoutError:
        return Finding("websocket", FINE, "open, and the token is taken")
    except (OSError, WebSocketException, protocol.MalformedFrame) as error:
        return Finding(
            "websocket",
            BAD,
            f"{one_line(str(error))}. A proxy in between must let WebSockets through.",
        )
    if isinstance(frame, protocol.Error) and frame.code == "no_hello":  # it was let in
        return Finding("websocket", FINE, "open, and the token is taken")
    words = frame.message if isinstance(frame, protocol.Error) else type(frame).__name__
    return Finding("websocket", BAD, f"{one_line(words)} Log in again: firmlight login {url}")


def _rules() -> Iterator[Finding]:
    try:
        loaded = rules.load(session.home())
        rows, problems = loaded.rows(), _problems(loaded)
    except rules.BadConsent as error:
        yield Finding("rules", BAD, str(error))
        return
    own = ", ".join(name for name, _ in rows[1:])
    more = f", with rules of their own for {own}" if own else ""
    yield Finding("rules", FINE, f"{session.home() / rules.FILE}{more}")
    if problems:
        yield Finding("rules", BAD, problems)
    if any(own.idle_only for _, own in rows) and machine.idle_seconds() is None:
        yield Finding(
            "idle",
            NOTE,
            "whether somebody uses this machine cannot be told: with idle_only it never works",
        )


def _problems(loaded: rules.Consent) -> str:
    """What is wrong with the names of groups, as far as the worker has heard of groups; "" if
    nothing is.
    """
    try:
        url, _ = session.worker_access()
    except (FirmlightClientError, ValueError):
        return ""
    memory = group_file.load(session.home(), url)
    if memory.groups is None:
        return ""
    book = Rulebook(loaded, (), memory)
    book.learn(memory.groups)
    return " ".join(book.problems())


def _machine() -> Finding:
    battery = {
        None: "no battery",
        True: "on battery: rests unless on_battery is set",
        False: "plugged in",
    }
    idle = machine.idle_seconds()
    used = "use cannot be told" if idle is None else f"last used {idle:,.0f} s ago"
    return Finding(
        "machine", FINE, f"{os.cpu_count()} cores, {battery[machine.on_battery()]}, {used}"
    )


def _disk(home: Path) -> Finding:
    kept = list(home.glob("spool/*/*/*.result"))
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    waiting = f", {count(len(kept), 'result')} to be delivered at the next start" if kept else ""
    if not os.access(place, os.W_OK):
        return Finding(
            "disk", BAD, f"{place} cannot be written to: results would be in memory only"
        )
    return Finding(
        "disk", FINE if free > FREE_BYTES_MIN else NOTE, f"{free / 2**30:,.1f} GiB free{waiting}"
    )


def _service() -> Finding:
    if sys.platform == "win32":
        return Finding("service", NOTE, "Windows: firmlight service install says how")
    found = service.status()
    return Finding("service", NOTE if found.installed and not found.running else FINE, found.words)
