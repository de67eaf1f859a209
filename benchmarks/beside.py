"""`python -m benchmarks.beside CHECKOUT`: this checkout's throughput beside that of another one, in
one run.

Both systems are up at the same time, each from its own checkout and virtual environment, and are
measured in turn, so that a busy moment of the machine meets both. The other checkout needs its
`.venv` (`make setup` makes it), and none of this module: the measuring side runs by its path.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 10
WORKERS = 2
HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Work:
    """`count` subtasks of ECHO in each of `tasks` tasks, one task after the other."""

    title: str
    count: int
    tasks: int


WORKS = (
    Work("10,000 ECHO", 10_000, 1),
    Work("100,000 ECHO", 100_000, 1),
    Work("one ECHO at a time", 1, 20),
)


class Side:
    """A running system of one checkout; it measures on request."""

    def __init__(self, root: Path) -> None:
        packages = (root, root / "client", root / "benchmarks" / "echo")
        self.process = subprocess.Popen(
            [root / ".venv/bin/python", "-P", __file__, "--measure"],
            cwd=root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, packages))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def rate(self, work: Work) -> float:
        """Subtasks per second."""
        assert self.process.stdin
        self.process.stdin.write(f"{work.count} {work.tasks}\n")
        self.process.stdin.flush()
        return work.count * work.tasks / float(self.answer())

    def answer(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a measured system has ended; what it said is above")
        return line

    def close(self) -> None:
        """Its system stops when its orders end."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def side(root: Path) -> Iterator[Side]:
    started = Side(root)
    try:
        started.answer()  # "ready"
        yield started
    finally:
        started.close()


def compare(other: Path) -> list[str]:
    """A line for each work: the median rates, and the median of the ratios of neighbours."""
    with side(HERE) as ours, side(other) as theirs:
        for each in (ours, theirs):  # the first task after the start of a system takes longer
            each.rate(WORKS[0])
        return [compare_work(work, ours, theirs) for work in WORKS]


def compare_work(work: Work, ours: Side, theirs: Side) -> str:
    pairs = [measure_pair(work, ours, theirs, swapped=bool(turn % 2)) for turn in range(ROUNDS)]
    ratios = sorted(mine / other for mine, other in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return (
        f"{work.title:20} {mine:10,.1f}/s here {other:10,.1f}/s there   "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, n = {ROUNDS})"
    )


def measure_pair(work: Work, ours: Side, theirs: Side, *, swapped: bool) -> tuple[float, float]:
    """(our rate, theirs); each goes first every other time, as the first fares worse."""
    if swapped:
        other = theirs.rate(work)
        return ours.rate(work), other
    return ours.rate(work), theirs.rate(work)


def measure() -> None:
    """The other end of `Side`, within the checkout that is measured."""
    from benchmarks.lab import lab
    from benchmarks.measure import echo

    with lab() as running:
        for _ in range(WORKERS):
            running.start_worker()
        print("ready", flush=True)
        for order in sys.stdin:
            count, tasks = map(int, order.split())
            began = time.perf_counter()
            for _ in range(tasks):
                echo(running, count)
            print(time.perf_counter() - began, flush=True)


def main() -> None:
    match sys.argv[1:]:
        case ["--measure"]:
            measure()
        case [other] if (Path(other) / ".venv").is_dir():
            print("\n".join(compare(Path(other).resolve())))
        case _:
            sys.exit("usage: python -m benchmarks.beside CHECKOUT (with its .venv)")


if __name__ == "__main__":
    main()
