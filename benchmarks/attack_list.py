"""The attacks of `make bench-attacks`. Each is bounded in time, and returns in words what came of
it.

They come from 127.0.0.2 upwards where addresses matter (Linux); honest people come from 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import msgspec
import openpyxl
from websockets.exceptions import InvalidHandshake, WebSocketException

from embedded.system import System
from firmlight_client import kinds, protocol
from firmlight_client.errors import FirmlightClientError
from firmlight_client.sdk.client import Client
from tests.support import bad_clients
from tests.system.peer import Peer

MASKED_SECONDS_MAX = 300.0
UPLOAD_SECONDS_MAX = 60.0
CLIENTS_PER_ADDRESS = 10
ANSWER_BYTES = 4096
HARD = (10**19 + 51) * (10**19 + 87)  # nobody computes its factors here
PARTIAL_BYTES = 8 * 2**20
EMPTY_MAPS = b"\xdd" + (PARTIAL_BYTES - 5).to_bytes(4, "big") + b"\x80" * (PARTIAL_BYTES - 5)
POISON = [[["2", 10**12]], [["9" * 1000, 1]], {"2": 1}]


@dataclass(frozen=True)
class Target:
    """The system under attack, and the attackers' own account, group and worker token there."""

    system: System
    client: Client
    group: str
    token: str
    seconds: float  # that an attack lasts which could go on for ever


Attack = Callable[[Target], str]


# 1. Long headers


def long_headers(target: Target) -> str:
    """Origin and Host of 30 KB, from two clients at once."""
    text = b"a" * 30_000
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    heads = [
        b"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        + upgrade
        + b"Origin: http://"
        + text
        + b"\r\n\r\n",
        b"GET /login/ HTTP/1.1\r\nHost: " + text + b"\r\nConnection: close\r\n\r\n",
    ]
    counts: Counter[str] = Counter()

    def send(head: bytes) -> None:
        end = time.monotonic() + target.seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError), contextlib.closing(_stranger(target)) as line:
                line.sendall(head)
                counts[line.recv(ANSWER_BYTES)[9:12].decode("latin-1") or "closed"] += 1

    _at_once([partial(send, head) for head in heads])
    return "answers: " + _words(counts)


def _stranger(target: Target) -> socket.socket:
    return bad_clients.connected(target.system.port, bad_clients.address(0))


def masked_offline(target: Target) -> str:
    """120 KB through the masking of logs, in a process of its own."""
    code = (
        "import django, time; django.setup()\n"
        "from core.logs import without_secrets\n"
        "began = time.perf_counter()\n"
        "without_secrets('a' * 120_000)\n"
        "print(time.perf_counter() - began)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=target.system.environment,
            capture_output=True,
            text=True,
            timeout=MASKED_SECONDS_MAX,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"not done after {MASKED_SECONDS_MAX:.0f} s"
    return f"masked in {float(done.stdout):.4f} s"


# 2. Poisoned partials


def nothing(target: Target) -> str:
    """What honest people find without an attack."""
    time.sleep(target.seconds)
    return ""


def poisoned_factors(target: Target) -> str:
    """An exponent of 10^12, a "prime" of 1,000 digits and a wrong shape, each with `decided`."""
    return _poison(
        target, "FACTORIZATION", [msgspec.msgpack.encode(one) for one in POISON], number=str(HARD)
    )


def empty_maps(target: Target) -> str:
    """Three partials of 8 MiB of empty maps."""
    return _poison(target, "ECHO", [EMPTY_MAPS] * 3, count=300, seconds=1.0)


def _poison(target: Target, kind: str, partials: list[bytes], **params: Any) -> str:
    """Each partial once, for a lease of its own; the owner lets the worker back when it is
    suspended.
    """
    task = target.client.submit(kind, group=target.group, **params)
    answers: Counter[str] = Counter()
    for poison in partials:
        with contextlib.suppress(
            OSError, TimeoutError, WebSocketException, InvalidHandshake, AssertionError
        ):
            answers[_send_poison(target, poison)] += 1
    time.sleep(target.seconds)
    with contextlib.suppress(FirmlightClientError):
        task.cancel()
    return f"{_words(answers)}; the task is {task.refresh().status}"


def _send_poison(target: Target, poison: bytes) -> str:
    """The answer to one poisoned result."""
    with contextlib.closing(
        Peer(target.system.url, target.token, "pedlar", offered=_all_kinds())
    ) as peer:
        peer.ready()
        while True:
            frame = peer.receive()
            if isinstance(frame, protocol.Lease):
                result = protocol.Result(
                    lease=frame.lease,
                    subtasks=frame.subtasks,
                    partial=poison,
                    seconds=0.1,
                    decided=True,
                )
                peer.send(result)
            elif isinstance(frame, protocol.Error) and frame.code == "suspended":
                target.client.let_back("pedlar")
            elif isinstance(frame, protocol.Refused):
                return f"refused {frame.reason}"
            elif isinstance(frame, protocol.Accepted):
                return "accepted"


# 3. Uploads


def workbook(sheet: bytes) -> bytes:
    """A workbook whose only sheet is this XML, deflated."""
    plain, made = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in source.namelist():
            new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else source.read(name))
    return made.getvalue()


def sheet(attributes: bytes, rows: bytes) -> bytes:
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return (
        b"<worksheet " + space + attributes + b"><sheetData>" + rows + b"</sheetData></worksheet>"
    )


def long_attribute() -> tuple[str, bytes]:
    """60 MiB in one attribute."""
    return "attribute.xlsx", workbook(sheet(b' x="' + b"a" * (60 * 2**20) + b'"', b""))


def many_cells() -> tuple[str, bytes]:
    """Eight million cells, which deflate to about a thousandth."""
    row = b"<row>" + b"<c><v>1</v></c>" * 8000 + b"</row>"
    return "cells.xlsx", workbook(sheet(b"", row * 1000))


def many_na() -> tuple[str, bytes]:
    """Eight million times that there is no number."""
    return "na.csv", b"na\n" * 8_000_000 + b"1\n"


def upload(target: Target, *, make: Callable[[], tuple[str, bytes]]) -> str:
    """The file twice at once, as a task of MEAN."""
    file, answers = make(), Counter[str]()

    def send() -> None:
        began = time.monotonic()
        try:
            answer = httpx.post(
                f"{target.system.url}/api/tasks/",
                data={"group": target.group, "kind": "MEAN", "params": "{}"},
                files={"file": file},
                headers={"Authorization": f"Bearer {target.client.pair.access}"},
                timeout=UPLOAD_SECONDS_MAX,
                verify=False,
            )
            said = str(answer.status_code)
            if not answer.is_success:
                said += f" {answer.json().get('code', '')}"
        except (httpx.HTTPError, ValueError) as error:
            said = type(error).__name__
        answers[f"{said} after {time.monotonic() - began:.1f} s"] += 1

    _at_once([send, send])
    return f"{len(file[1]) / 1024:,.0f} KiB: {_words(answers)}"


# 4. Slow clients


def slow(target: Target, *, client: bad_clients.BadClient, count: int) -> str:
    """So many of them, ten from each address, all of which stay."""
    with bad_clients.crowd(target.system.port) as crowd:
        crowd.open(client, count, addresses=max(count // CLIENTS_PER_ADDRESS, 1))
        time.sleep(target.seconds)
        away, left = crowd.turned_away, crowd.still_open()
    return f"{count - away:,} of {count:,} were let in, {left:,} are left"


ATTACKS: dict[str, Attack] = {
    "nothing (for comparison)": nothing,
    "Origin and Host of 30 KB": long_headers,
    "120 KB through the masking of logs": masked_offline,
    "FACTORIZATION partials with `decided`": poisoned_factors,
    "three partials of 8 MiB of empty maps": empty_maps,
    "a workbook with an attribute of 60 MiB": partial(upload, make=long_attribute),
    "a workbook of 8 million cells": partial(upload, make=many_cells),
    "8 million `na`": partial(upload, make=many_na),
    "10 half-sent bodies": partial(slow, client=bad_clients.half_a_body, count=10),
    "1,000 half-sent bodies": partial(slow, client=bad_clients.half_a_body, count=1000),
    "10 readers that do not read": partial(
        slow, client=bad_clients.asks_and_does_not_read, count=10
    ),
    "1,000 readers that do not read": partial(
        slow, client=bad_clients.asks_and_does_not_read, count=1000
    ),
}


def _all_kinds() -> dict[str, str]:
    """{name: version} of what this server computes."""
    return {name: kind.version for name, kind in kinds.installed().items()}


def _at_once(jobs: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "none"
