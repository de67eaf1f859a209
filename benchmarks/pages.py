"""`make bench-pages`: how long each page and list takes with much in the database.

`python -m benchmarks.pages` asks the database that DATABASE_URL names and fills it first if it is
empty. It writes that database's part of docs/reference/benchmarks-pages.md and keeps the other
parts. Requests go through everything but the network: middleware, views, templates, database,
Redis.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import cores_and_memory
from tests.support.redis import RedisServer

DOCS = Path(__file__).resolve().parent.parent / "docs" / "reference" / "benchmarks-pages.md"
LIMIT_MS = 100.0
WARM_UP = 3
PREFACE = """# Pages and lists with much in them

How long the server takes for each page, list and search when there is much to see: a p95 of at
most {limit:.0f} ms is the aim.
`make bench-pages` fills a private PostgreSQL by `manage.py seed_demo --size large`, asks for each
address and writes its part of this page. `python -m benchmarks.pages` does the same on the
database that DATABASE_URL names, which must be empty or filled so before.

A superuser asks, who is a member of the twenty largest groups. Requests go through everything but
the network, one after the other, and from address to address.
"""
PART = """## {database}

`seed_demo --size {size}`: {rows}; the largest group has {members:,} members and {tasks:,} tasks.
{date}, {machine}, {rounds} requests of each after {warm} to warm up.
Load average meanwhile, others' work included: {load:.1f}.
**{within} of {all} have a p95 of at most {limit:.0f} ms.**{note}

| Address | median, ms | p95, ms |
| --- | ---: | ---: |
"""
COMPATIBLE = """

The server was not MongoDB itself but the one of the tests, which is compatible with it:
PostgreSQL's extension DocumentDB behind a gateway in Python (`tests/support/databases`). So
compare addresses with each other, not these figures with those of another database."""


class Row(NamedTuple):
    address: str
    median_ms: float
    p95_ms: float


def set_up(folder: str) -> RedisServer:
    redis = RedisServer(Path(folder))
    os.environ |= {"REDIS_URL": redis.url, "STATIC_ROOT": folder, "LOG_LEVEL": "WARNING"}
    os.environ["SECRET_KEY"] = "for-measuring-only-" + "0123456789" * 3
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
    import django

    django.setup()
    from django.conf import settings

    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.ALLOWED_HOSTS.append("testserver")
    return redis


def fill(size: str) -> None:
    from django.core.management import call_command

    from tasks import seeding

    call_command("migrate", verbosity=0)
    if not seeding.is_seeded():
        call_command("seed_demo", size=size)
        analyze()


def analyze() -> None:
    """PostgreSQL counts by itself after a while; MongoDB has nothing to count."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def addresses() -> Iterator[str]:
    """Each page and list, as somebody with much to see asks for it."""
    from accounts.models import User
    from groups.models import Group
    from tasks.models import Task
    from tasks.seeding import FIRST_USER

    me = User.objects.get(username=FIRST_USER)
    group = Group.objects.get(name_key__endswith=" 0").pk
    task = Task.objects.filter(group=group).latest("created").pk
    yield from (
        "/groups/",
        "/groups/?search=genome",
        "/groups/find/",
        "/groups/find/?search=prime+99",
    )
    asked = (
        "",
        "page=2",
        "page=100",
        "status=failed",
        "kind=MEAN",
        "member=demo_000007",
        "search=genome",
        "search=qq",
        "search=ge",
    )
    yield from (f"/groups/{group}/{'?' * bool(query)}{query}" for query in asked)
    yield from (
        f"/groups/{group}/{part}/" for part in ("members", "invitations", "settings", "tasks/new")
    )
    yield f"/groups/{group}/members/?page=50"
    yield from (
        "/tasks/",
        "/tasks/?status=failed",
        "/tasks/?search=genome",
        f"/tasks/{task}/",
        f"/tasks/{task}/events/",
    )
    yield from (
        "/workers/",
        "/notifications/",
        "/profile/",
        "/profile/sessions/",
        "/profile/tokens/",
    )
    yield from ("/api/groups/", "/api/groups/joinable/", "/api/groups/joinable/?search=orbit")
    yield from (
        f"/api/groups/{group}/{part}" for part in ("", "members/", "invitations/", "join-requests/")
    )
    yield from (
        "/api/tasks/",
        "/api/tasks/?page=20",
        "/api/tasks/?status=failed",
        "/api/tasks/?search=genome",
    )
    yield from (f"/api/tasks/?group={group}", f"/api/tasks/?creator={me.pk}", f"/api/tasks/{task}/")
    yield from (
        "/api/users/?search=demo_0999",
        "/api/users/?search=99",
        "/api/users/",
        "/api/notifications/",
    )
    yield from (
        "/api/workers/",
        "/api/sessions/",
        "/api/worker-tokens/",
        "/api/invitations/",
        "/api/join-requests/",
    )
    yield "/admin/"
    yield from (
        f"/admin/accounts/{name}/" for name in ("user", "session", "notification", "auditentry")
    )
    yield from (f"/admin/groups/{name}/" for name in ("group", "membership", "invitation"))
    yield from (
        f"/admin/tasks/{name}/"
        for name in ("task", "worker", "contribution", "subtaskfailure", "tally")
    )
    yield from (
        "/admin/accounts/user/?q=demo_0999",
        "/admin/tasks/task/?q=genome+7777",
        "/admin/groups/group/?q=prime",
    )
    yield from (
        f"/admin/tasks/task/?status__exact=failed&group__id__exact={group}",
        f"/admin/tasks/task/{task}/change/",
    )
    yield from (f"/admin/accounts/user/{me.pk}/change/", f"/admin/groups/group/{group}/change/")


def measure(rounds: int, say: Callable[[Row], object], only: str) -> list[Row]:
    from django.test import Client

    from accounts.models import User
    from tasks.seeding import FIRST_USER

    User.objects.filter(username=FIRST_USER).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(username=FIRST_USER))
    times: dict[str, list[float]] = {address: [] for address in addresses() if only in address}
    for _ in range(
        WARM_UP + rounds
    ):  # each in turn: whatever else the machine does for a while meets all alike
        for address, row in times.items():
            row.append(_milliseconds(client.get, address))
    rows = [_row(address, row[WARM_UP:]) for address, row in times.items()]
    for found in rows:
        say(found)
    return rows


def _milliseconds(get: Callable[[str], object], address: str) -> float:
    began = time.perf_counter()
    answer = get(address)
    took = 1000 * (time.perf_counter() - began)
    assert getattr(answer, "status_code", 0) == 200, (address, answer)
    return took


def _row(address: str, times: list[float]) -> Row:
    times = sorted(times)
    return Row(_plain(address), times[len(times) // 2], times[int(0.95 * (len(times) - 1) + 0.5)])


def _plain(address: str) -> str:
    """Without the ids that change each time."""
    parts = (part if len(part) != 36 else "…" for part in address.replace("=", "/=/").split("/"))
    return "/".join(parts).replace("/=/", "=")


def part(rows: list[Row], size: str, rounds: int) -> str:
    """This database's part of the page."""
    from django.db import connection

    from groups.models import Group, Membership
    from tasks.models import Task
    from tasks.seeding import SIZES

    largest = Group.objects.get(name_key__endswith=" 0")
    lines = [f"| `{row.address}` | {row.median_ms:,.1f} | {row.p95_ms:,.1f} |" for row in rows]
    head = PART.format(
        database=_database(),
        size=size,
        rows=", ".join(f"{number:,} {name}" for name, number in SIZES[size]._asdict().items()),
        members=Membership.objects.filter(group=largest).count(),
        tasks=Task.objects.filter(group=largest).count(),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=cores_and_memory(),
        rounds=rounds,
        warm=WARM_UP,
        load=os.getloadavg()[1],
        within=sum(row.p95_ms <= LIMIT_MS for row in rows),
        all=len(rows),
        limit=LIMIT_MS,
        note=COMPATIBLE if connection.vendor == "mongodb" and not shutil.which("mongod") else "",
    )
    return head + "\n".join([*lines, ""])


def _database() -> str:
    """Its name and version."""
    from django.db import connection

    version = connection.get_database_version()
    return f"{connection.display_name} {'.'.join(map(str, version))}"


def with_part(page: str, mine: str) -> str:
    """The page with this part instead of the one of the same database, of whichever version; parts
    by name.
    """
    _, *parts = page.split("\n## ")
    others = [
        f"## {text.rstrip()}\n" for text in parts if f"## {text}".split()[1] != mine.split()[1]
    ]
    return "\n".join([PREFACE.format(limit=LIMIT_MS), *sorted([*others, mine], reverse=True)])


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--size", choices=("small", "medium", "large"), default="large")
    asked.add_argument("--rounds", type=int, default=40)
    asked.add_argument("--only", default="", help="addresses that contain this, and write nothing")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        redis = set_up(folder)
        try:
            fill(options.size)
            rows = measure(
                options.rounds,
                lambda row: print(f"{row.p95_ms:8.1f} {row.address}", flush=True),
                options.only,
            )
            if not options.only:
                DOCS.write_text(
                    with_part(DOCS.read_text(), part(rows, options.size, options.rounds))
                )
        finally:
            redis.stop()


if __name__ == "__main__":
    main()
