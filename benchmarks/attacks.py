"""`make bench-attacks`: attacks on a system of its own, one after another, and how late honest
people are meanwhile.

ATTACK_SECONDS (15) is how long an attack lasts that could go on for ever; ATTACK names those that
are run, by a part of their name.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from datetime import UTC, datetime
from uuid import uuid4

from benchmarks.attack_list import ATTACKS, Target
from benchmarks.honest import Figures, Honest
from benchmarks.lab import PASSWORD, Lab, lab
from firmlight_client.sdk.client import Client

FILES_MIN = 4096  # open files of this process: a thousand connections, and what honest people need
SETTINGS = {
    "LOGIN_PER_MINUTE_MAX": "100000",
    "WORKER_CONNECTS_PER_MINUTE_MAX": "10000",
}  # ours come from one address
HEAD = (
    "| Attack | `/healthz` | log-in | another group's task | web | its children | what came of it |"
)
RULE = "| --- | --- | --- | --- | --- | --- | --- |"


def main() -> None:
    seconds, chosen = float(os.environ.get("ATTACK_SECONDS", "15")), os.environ.get("ATTACK", "")
    _allow_files()
    with lab(**SETTINGS) as made:
        made.start_worker()
        target, honest = _attackers(made, seconds), Honest(made)
        print(_machine(), HEAD, RULE, sep="\n", flush=True)
        for name, attack in ATTACKS.items():
            if chosen in name:
                with honest.measured() as found:
                    came = attack(target)
                print(_row(name, found, came), flush=True)
        target.client.close()


def _attackers(made: Lab, seconds: float) -> Target:
    """An account of their own, with a group of their own."""
    mark = uuid4().hex[:8]
    client = Client.register(
        made.system.url, f"mallory-{mark}", f"mallory-{mark}@example.org", PASSWORD
    )
    group = client.create_group(f"attackers {mark}")["id"]
    token = str(client.create_worker_token("pedlar")["token"])
    return Target(made.system, client, group, token, seconds)


def _row(name: str, found: Figures, came: str) -> str:
    late = [found.words(question) for question in ("/healthz", "log-in", "conclusion")]
    return " | ".join(
        [
            "| " + name,
            *late,
            f"{found.web_mib:,.0f} MiB",
            f"{found.children_mib:,.0f} MiB",
            came + " |",
        ]
    )


def _machine() -> str:
    cores = os.cpu_count()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {cores} cores, "
        f"{platform.system()}. Each: median, max. Memory: at its highest.\n"
    )


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES_MIN:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_MIN, hard), hard))


if __name__ == "__main__":
    main()
