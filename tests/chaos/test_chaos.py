"""Whatever dies: a task that was accepted ends with the exact result or a clear error, and nothing
is counted twice.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from rich.console import Console

from embedded.system import System
from tests.chaos import options as asked
from tests.chaos.controller import Controller
from tests.chaos.fleet import PATH, Fleet, ports_of
from tests.chaos.latency import Latency
from tests.chaos.people import Memory, Person
from tests.chaos.report import Report
from tests.chaos.workload import Imagination
from tests.client.kinds.site import Site, html
from tests.support.databases import fresh
from tests.support.patient import PatientLab
from tests.support.proxy import Proxy
from tests.support.scaled import ScaledOut
from tests.support.systems import SHORT

END_SECONDS_MAX = 60.0
PAGES = {
    "/": html("root", "/a", "/b"),
    "/a": html("a", "/b", "/c"),
    "/b": html("b", "/"),
    "/c": html("c", "/a", "/d"),
    "/d": html("d"),
}
SETTINGS = SHORT | {
    "SPLIT_QUIET_SECONDS_MAX": "3",
    "AGGREGATING_SECONDS_MAX": "4",
    "ACCESS_TOKEN_MINUTES": "1000",
    "RETRY_ELSEWHERE_SECONDS_MAX": "5",
    "HELLO_SECONDS_MAX": "10",  # longer than a line is cut
    "WORKER_CONNECTS_PER_MINUTE_MAX": "600",
    "VERIFY_PENDING_SECONDS": "20",  # a wrong result is not judged before
    "PYTHONPATH": PATH,
}


@pytest.mark.transactions
def test_nothing_is_lost_and_nothing_counted_twice_whatever_dies(
    tmp_path: Path, static_root: str
) -> None:
    options = asked.read()
    Console().print(
        f"\nCHAOS_SEED={options.seed} CHAOS_MINUTES={options.minutes:g} "
        f"CHAOS_COPIES={options.copies}"
    )
    (tmp_path / "var").mkdir()
    with fresh(tmp_path / "var") as database, Site("127.0.0.1", PAGES).running() as site:
        made = System if options.copies == 1 else ScaledOut
        system = made(tmp_path / "var", env=SETTINGS | database | {"STATIC_ROOT": static_root})
        with system, Proxy(*ports_of(system)) as proxy, PatientLab(proxy.url) as lab:
            fleet = Fleet(system, lab, tmp_path, options.seed)
            try:
                report = run(options, system, lab, fleet, site.url)
            finally:
                fleet.close()
    report.show()
    assert not report.bad
    assert not report.controller.complaints
    assert report.verdicts["exact"] > 0
    idle = [attacker.title for attacker in fleet.attackers if not attacker.has_struck]
    assert not idle, "an attacker that does nothing proves nothing"
    # In a short run some of them may have had no shift with work in it.
    assert any(liar.has_struck for liar in fleet.shifts.liars), "nobody lied"


def run(options: asked.Options, system: System, lab: PatientLab, fleet: Fleet, site: str) -> Report:
    memory = Memory()
    latency = Latency(lab.url)
    people = [
        Person(lab, Imagination(options.seed, number, site, list(PAGES)), memory, latency)
        for number in range(3)
    ]
    controller = Controller(options, system, lab, fleet, memory)
    fleet.attack()
    for thread in (latency, *people):
        thread.start()
    controller.run()
    fleet.end_attack()
    healed = time.monotonic()
    for person in people:
        person.leaving.set()
    for person in people:
        person.finish(END_SECONDS_MAX)
    settled = time.monotonic() - healed
    latency.leave()
    controller.complaints += fleet.deserters()
    for attacker in (*fleet.attackers, *fleet.shifts.liars):
        controller.complaints += attacker.complaints
    controller.recovery.finish()
    return Report(controller, people, settled, latency)
