"""`make bench`: measure everything in one run and print the table.

The table is written to docs/reference/benchmarks.md, too.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measure, trusted, watching
from benchmarks.lab import lab
from benchmarks.machine import cores_and_memory

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "benchmarks.md"
PREFACE = """# Benchmarks

Written by `make bench`: everything in one run on one machine, ours and the peers in turn.
Machines differ and this one may have been busy, so read ratios and medians, not single times. The
path is the real one: HTTP submit, Celery split, WebSocket leases to {workers}, aggregation, and
the result in the client's hands. Redis writes with `appendfsync always` for all of them.

*Unproved ECHO* is ECHO without its proof, so that only computing it again tells. Two owners
with a worker each compute it who have confirmed so many results of one another before.

How long pages and lists take when there is much to see: [benchmarks-pages.md](benchmarks-pages.md).
What thousands of workers cost: [benchmarks-load.md](benchmarks-load.md).
"""

Row = tuple[str, str, str]


def throughput_rows(rates: dict[str, list[float]]) -> list[Row]:
    rows = [rate_row(name, row) for name, row in rates.items()]
    medians = {name: measure.median(row) for name, row in rates.items()}
    ours, large = (rate for name, rate in medians.items() if name.startswith("Firmlight"))
    best_peer = max(rate for name, rate in medians.items() if name.startswith("Celery"))
    rows.append(("Firmlight against the better Celery", f"{ours / best_peer:.1f} times", "medians"))
    rows.append(
        ("100,000 against 10,000, per subtask", f"{large / ours:.2f} times as fast", "medians")
    )
    return rows


def rate_row(name: str, rates: list[float]) -> Row:
    return name, f"{measure.median(rates):,.0f}/s", f"{min(rates):,.0f} to {max(rates):,.0f}"


def trusted_rows() -> list[Row]:
    """What checks cost a group whose members trust one another."""
    rows: list[Row] = []
    with trusted.trusted_group() as running:
        for count in (10_000, 100_000):
            found = trusted.throughput(running, count)
            what = f"{count:,} unproved ECHO, standing {trusted.TRUSTED}"
            recomputed = 100 * sum(found.recomputed) / len(found.recomputed)
            rows += [
                rate_row(f"{what}, `verify=none`", found.none),
                rate_row(f"{what}, `verify=auto`", found.auto),
                (
                    f"`auto` against `none`, {count:,}",
                    f"{100 * found.ratio:.0f} %",
                    f"medians; {recomputed:.1f} % recomputed",
                ),
            ]
    return rows


def time_rows(name: str, seconds: list[float]) -> list[Row]:
    low, mid, high = (1000 * measure.quantile(seconds, share) for share in (0, 0.5, 0.99))
    return [
        (name, f"{mid:,.1f} ms median", f"{low:,.1f} least, {high:,.1f} p99, n = {len(seconds)}")
    ]


def idle_rows(shares: dict[str, tuple[float, float]]) -> list[Row]:
    return [
        (f"Idle: {name}", f"{cpu:.2f} % of a core", f"{mib:,.0f} MiB")
        for name, (cpu, mib) in shares.items()
    ]


def collect() -> list[Row]:
    with lab() as running:
        for _ in range(2):
            running.start_worker()
        rows = throughput_rows(measure.throughput(running))
        rows += time_rows("One ECHO task, submit to result", measure.latency(running))
        rows += time_rows(
            "Python client: its processor time for a call, a task each",
            measure.sdk_overhead(running),
        )
        rows += time_rows(
            "Python client: 1,000 FACTORIZATION calls, packed", measure.packed_calls(running)
        )
        rows += time_rows(
            "MEAN of 10,000,000 numbers (80 MB NPY file)", measure.mean_of_ten_million(running)
        )
        rows += time_rows("Failover: SIGKILL to start elsewhere", measure.failover(running))
        rows += time_rows("Sweep: 100,000 leased subtasks requeued", measure.sweep(running))
        rows += idle_rows(measure.idle(running))
        for part in ("web", "jobs", "jobs-long", "sweep", "beat"):
            rows += time_rows(
                f"Start of {part}, until all is ready", measure.startup(running, part)
            )
    return rows + trusted_rows() + page_rows() + failure_rows()


def page_rows() -> list[Row]:
    """What open pages cost."""
    # all of them are one user's
    with lab(LIVE_SOCKETS_PER_USER_MAX="1000", LIVE_CONNECTS_PER_MINUTE_MAX="10000") as running:
        running.start_worker()
        rows = time_rows(
            "First paint of a task's page, 1,000 contributions", watching.first_paint(running)
        )
        costs: dict[int, list[float]] = {0: [], 1: [], watching.WATCHERS: []}
        for _ in range(3):
            for watchers, row in costs.items():
                row.append(1000 * watching.watched(running, watchers)[0])
    for watchers, row in costs.items():
        spread = f"{min(row):.0f} to {max(row):.0f}, n = {len(row)}"
        rows.append(
            (
                f"`web`, a running task that {watchers} pages watch",
                f"{measure.median(row):.0f} ms/s",
                spread,
            )
        )
    return rows


def failure_rows() -> list[Row]:
    """Each on a system of its own."""
    with lab() as running:
        running.start_worker()
        rows = time_rows("Cancel to the next start on the same slot", measure.cancelled(running))
    with lab() as running:
        ratios = measure.tail(running)
        times = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append(
            (
                "A worker ten times slower beside a fast one",
                f"{measure.median(ratios):.2f} x the ideal",
                times,
            )
        )
    with lab(LEASE_SECONDS="3", HEARTBEAT_SECONDS="1") as running:
        for _ in range(2):
            running.start_worker()
        return rows + time_rows(
            "Frozen worker: start elsewhere, beyond the lease", measure.frozen(running, 3.0)
        )


def page(rows: list[Row]) -> str:
    machine = cores_and_memory()
    lines = [
        f"| {' | '.join(row)} |"
        for row in [("What", "Figure", "Spread"), ("---", "---", "---"), *rows]
    ]
    made = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {machine}."
    return "\n".join([PREFACE.format(workers="two workers of one slot each"), made, "", *lines, ""])


def main() -> None:
    text = page(collect())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
