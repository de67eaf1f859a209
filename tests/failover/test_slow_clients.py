"""A thousand clients that send half of what they promise, or do not read, against the whole system.

The bounds are generous, since other tests run beside this one; a server that they hold up does not
answer at all.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from embedded.system import System
from tests.support import bad_clients
from tests.support.bad_clients import Crowd
from tests.support.patient import PatientLab, until
from tests.system.lab import PASSWORD

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")

HEALTHZ_SECONDS_MAX, LOGIN_SECONDS_MAX = 5.0, 10.0
MEMORY_MIB_MAX = 200  # more than before the attack
DESCRIPTORS = 4096


@pytest.fixture
def attack(system: System) -> Iterator[Crowd]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, DESCRIPTORS), most))
    with bad_clients.crowd(system.port) as made:
        yield made


def seconds_for(client: httpx.Client, method: str, path: str, **options: object) -> float:
    began = time.monotonic()
    answer = client.request(method, path, timeout=60, **options)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def look(system: System, name: str) -> tuple[float, float]:
    """How long /healthz and a log-in take, the worst of three."""
    with httpx.Client(base_url=system.url, trust_env=False) as client:
        body = {"login": name, "password": PASSWORD}
        healthz = max(seconds_for(client, "GET", "/healthz") for _ in range(3))
        login = max(seconds_for(client, "POST", "/api/auth/login/", json=body) for _ in range(3))
    return healthz, login


def memory_mib(system: System) -> float:
    return psutil.Process(system.pids()["web"]).memory_info().rss / 2**20


def flood(attack: Crowd) -> None:
    """A thousand, some from one address, most from many. Those that only say nothing come last."""
    attack.open(bad_clients.half_a_body, 150)
    attack.open(bad_clients.asks_and_does_not_read, 50, first=1)
    attack.open(bad_clients.half_a_body, 250, addresses=25, first=10)
    attack.open(bad_clients.asks_and_does_not_read, 200, addresses=20, first=40)
    attack.open(bad_clients.half_a_head, 150, addresses=3, first=70)
    attack.open(bad_clients.handshake_and_silence, 100, addresses=10, first=80)
    attack.open(bad_clients.silent, 100, first=100)


def test_a_thousand_slow_clients_hold_up_nobody(
    lab: PatientLab, system: System, attack: Crowd
) -> None:
    httpx.get(
        f"{system.url}/api/schema/?format=json", trust_env=False, timeout=60
    )  # it is made once
    before = memory_mib(system)
    flood(attack)
    assert attack.still_open() > 700  # those of one address that are too many are turned away
    healthz, login = look(system, lab.names[0])
    grown = memory_mib(system) - before
    assert healthz < HEALTHZ_SECONDS_MAX
    assert login < LOGIN_SECONDS_MAX
    assert grown < MEMORY_MIB_MAX
    assert lab.wait(lab.submit(count=3), "queued", "running")


def test_workers_go_on_while_slow_clients_come(
    lab: PatientLab, system: System, attack: Crowd, start
) -> None:
    """From the address of the workers, too: theirs are known, and do not count."""
    worker = start()
    task = lab.submit(count=200, seconds=0.01)
    attack.open(bad_clients.half_a_body, 200, first=-1)
    attack.open(bad_clients.handshake_and_silence, 100, first=-1)
    assert lab.wait(task)["status"] == "succeeded"
    assert worker.lives


@pytest.mark.parametrize("header", ["Origin", "Host"])
def test_a_long_header_holds_up_nobody(system: System, header: str) -> None:
    with httpx.Client(base_url=system.url, trust_env=False) as client:
        began = time.monotonic()
        answer = client.post("/login/", headers={header: "https://" + "a" * 30_000}, timeout=60)
        assert answer.status_code in (400, 403)
        assert seconds_for(client, "GET", "/healthz") < HEALTHZ_SECONDS_MAX
        assert time.monotonic() - began < LOGIN_SECONDS_MAX


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer made-up"}, {"Cookie": "sessionid=made-up"}]
)
def test_a_large_body_of_nobody_is_refused_before_it_comes(
    system: System, headers: dict[str, str]
) -> None:
    pieces = (bytes(65_536) for _ in range(160))
    answer = httpx.post(
        f"{system.url}/api/tasks/", content=pieces, headers=headers, trust_env=False, timeout=30
    )
    code = (401, "not_authenticated") if headers else (413, "too_large")
    assert (answer.status_code, answer.json()["code"]) == code


def test_a_member_sends_a_large_file_and_half_of_it_holds_up_nobody(
    lab: PatientLab, system: System
) -> None:
    numbers = b"1.5\n" * 500_000
    body = {"group": lab.group, "kind": "MEAN"}
    answer = lab.api[0].post("tasks/", data=body, files={"file": ("numbers.csv", numbers)})
    assert answer.status_code == 201, answer.text
    with bad_clients.crowd(system.port) as attack:
        for _ in range(15):  # more than there are threads
            one = bad_clients.half_a_body(
                system.port, path="/api/tasks/", token=lab.access[0], size=2_000_000
            )
            attack.sockets.append(one)
        healthz, login = look(system, lab.names[0])
    assert healthz < HEALTHZ_SECONDS_MAX
    assert login < LOGIN_SECONDS_MAX


def test_what_held_on_is_gone_in_the_end(system: System, attack: Crowd) -> None:
    attack.open(bad_clients.half_a_head, 20)
    attack.open(bad_clients.handshake_and_silence, 20)
    until(lambda: attack.still_open() == 0)
