"""`firmlight doctor`: checks of everything that may keep a machine from working."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.request import getproxies

import httpx

from firmlight_client.addresses import is_loopback
from firmlight_client.auth import session, token_check
from firmlight_client.doctor import slots
from firmlight_client.doctor.slots import BAD, FINE, NOTE, Finding
from firmlight_client.errors import FirmlightClientError
from firmlight_client.text import count
from firmlight_client.version import __version__
from firmlight_client.worker import machine, service
from firmlight_client.worker.consent import group_file, rules
from firmlight_client.worker.consent.rulebook import Rulebook

SECONDS_MAX = 10.0
CLOCK_SECONDS = 60.0
FREE_BYTES_MIN = 500 * 2**20


def findings() -> Iterator[Finding]:
    """One finding after another, as the checks are made."""
    python = sys.version.split()[0]
    yield Finding("client", FINE, f"{__version__}, Python {python} on {sys.platform}")
    try:
        url, token = session.worker_access()
    except (FirmlightClientError, ValueError) as error:
        yield Finding("log-in", BAD, str(error))
    else:
        has_variable = bool(os.environ.get("FIRMLIGHT_TOKEN"))
        place = "FIRMLIGHT_TOKEN" if has_variable else f"kept in {session.home()}"
        yield Finding("log-in", FINE, place)
        yield _proxy(url)
        yield from _server(url)
        yield _socket(url, token)
    yield from _rules()
    yield _machine()
    yield _disk(session.home())
    yield from _privacy(session.home())
    yield _service()
    yield from asyncio.run(slots.look())


def _proxy(url: str) -> Finding:
    if is_loopback(url):
        return Finding("proxy", FINE, "none: the server is this machine")
    found = getproxies()
    proxy = found.get(url.partition(":")[0]) or found.get("all")
    if not proxy:
        return Finding("proxy", FINE, "none")
    return Finding("proxy", NOTE, f"{proxy} (by the environment)")


def _server(url: str) -> Iterator[Finding]:
    """Whether it answers, and what it thinks the time is."""
    started = time.monotonic()
    try:
        answer = httpx.get(f"{url}/healthz", timeout=SECONDS_MAX, trust_env=not is_loopback(url))
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        yield Finding("server", BAD, f"{url} cannot be reached: {why}. {_advice(error)}")
        return
    if not answer.is_success:
        words = f"{url} answered {answer.status_code}: is this the address of Firmlight?"
        yield Finding("server", BAD, words)
        return
    milliseconds = (time.monotonic() - started) * 1000
    yield Finding("server", FINE, f"{url} answers in {milliseconds:.0f} ms")
    yield _clock(answer.headers.get("Date", ""))


def _advice(error: Exception) -> str:
    if "certificate" in str(error).lower():
        return (
            "If a proxy here has a certificate of its own, name it in SSL_CERT_FILE; "
            "check this machine's date, too."
        )
    return "Check the address, the network, and whether the server runs."


def _clock(date: str) -> Finding:
    """Compare this clock with the server's; `date` is the header of an answer."""
    try:
        ahead = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return Finding("clock", NOTE, "the server does not say what time it is")
    if abs(ahead) < CLOCK_SECONDS:
        return Finding("clock", FINE, "as the server's")
    way = "fast" if ahead > 0 else "slow"
    words = f"{abs(ahead):,.0f} s {way}: work goes on, hours and certificates are judged by it"
    return Finding("clock", NOTE, words)


def _socket(url: str, token: str) -> Finding:
    """Connect as the worker does, without a hello."""
    try:
        token_check.check(url, token)
    except token_check.TokenRefused as error:
        return Finding("websocket", BAD, f"{error} Log in again: firmlight login {url}")
    except FirmlightClientError as error:
        return Finding("websocket", BAD, str(error))
    return Finding("websocket", FINE, "open, and the token is taken")


def _rules() -> Iterator[Finding]:
    try:
        loaded = rules.load(session.home())
        rows, problems = loaded.rows(), _problems(loaded)
    except rules.BadConsent as error:
        yield Finding("rules", BAD, str(error))
        return
    groups = ", ".join(name for name, _ in rows[1:])
    more = f", with rules of their own for {groups}" if groups else ""
    yield Finding("rules", FINE, f"{session.home() / rules.FILE}{more}")
    if problems:
        yield Finding("rules", BAD, problems)
    if any(own.idle_only for _, own in rows) and machine.idle_seconds() is None:
        words = "this system does not say whether it is in use: with idle_only it never works"
        yield Finding("idle", NOTE, words)


def _problems(loaded: rules.Consent) -> str:
    """What is wrong with the names of groups; "" if nothing is, as far as the groups are known."""
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
    battery_words = {
        None: "no battery",
        True: "on battery: rests unless on_battery is set",
        False: "plugged in",
    }
    battery = battery_words[machine.on_battery()]
    idle = machine.idle_seconds()
    used = "last use not known" if idle is None else f"last used {idle:,.0f} s ago"
    return Finding("machine", FINE, f"{os.cpu_count()} cores, {battery}, {used}")


def _disk(home: Path) -> Finding:
    kept = list(home.glob("spool/*/*/*.result"))
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        words = f"{place} cannot be written to: results would be in memory only"
        return Finding("disk", BAD, words)
    free = shutil.disk_usage(place).free
    words = f"{free / 2**30:,.1f} GiB free"
    if kept:
        words += f", {count(len(kept), 'result')} to be delivered at the next start"
    return Finding("disk", FINE if free > FREE_BYTES_MIN else NOTE, words)


def _privacy(home: Path) -> Iterator[Finding]:
    """The client makes the folder for its user alone; one that was there may be open to others."""
    if os.name == "posix" and home.is_dir() and home.stat().st_mode & 0o077:
        words = (
            f"other users of this machine can look into {home}: chmod 700 {shlex.quote(str(home))}"
        )
        yield Finding("privacy", NOTE, words)


def _service() -> Finding:
    if sys.platform == "win32":
        return Finding("service", NOTE, "Windows: firmlight service install says how")
    found = service.status()
    is_down = found.installed and not found.running
    return Finding("service", NOTE if is_down else FINE, found.words)
