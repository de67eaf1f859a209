"""The tasks that the demo submits, and checks of their results.

The checks compute the right answers from the input alone, without Firmlight.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from embedded.demo import site

PRIMES = (999_999_999_999_989, 10_000_000_000_000_061)
NUMBERS = 2_000_000
ECHOES, ECHO_SECONDS = 400, 0.02


class WrongResult(Exception):
    """Firmlight's result is wrong; the message has it and the right one."""


@dataclass(frozen=True)
class Errand:
    """One task to submit. `check` returns one line about the result or raises WrongResult."""

    kind: str
    title: str
    check: Callable[[Any], str]
    params: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None


def factorization() -> Errand:
    """A product of two primes of 15 and 17 digits."""
    product = PRIMES[0] * PRIMES[1]

    def check(result: Any) -> str:
        factors = [[str(p), 1] for p in PRIMES]
        expect("factors", result["factors"], factors)
        expect("divisors", (result["divisors"], result["proved"]), (4, True))
        return f"{product} = {PRIMES[0]} × {PRIMES[1]}, both proved prime"

    return Errand(
        "FACTORIZATION",
        f"Factor a number of {len(str(product))} digits",
        check,
        {"number": str(product)},
    )


def mean(folder: Path) -> Errand:
    """Two million numbers in a NumPy file.

    They are multiples of 1/1024, so that integers give the exact answer.
    """
    whole = np.random.default_rng(1024).integers(-(2**30), 2**30, NUMBERS)
    file = folder / "numbers.npy"
    np.save(file, whole / 1024)
    values = whole.tolist()
    total, squares = sum(values), sum(v * v for v in values)
    exact = Fraction(total, 1024 * NUMBERS)
    variance = Fraction(squares, 1024**2 * NUMBERS) - exact**2
    right = {
        "count": NUMBERS,
        "mean": float(exact),
        "variance": float(variance),
        "min": min(values) / 1024,
        "max": max(values) / 1024,
    }

    def check(result: Any) -> str:
        for name, value in right.items():
            expect(name, result[name], value)
        return f"mean {result['mean']!r}, variance {result['variance']!r}, right to the last bit"

    return Errand(
        "MEAN",
        f"Mean of {NUMBERS:,} numbers ({file.stat().st_size >> 20} MB file)",
        check,
        file=file,
    )


def crawl(address: str) -> Errand:
    """The small site: every page that robots.txt allows."""

    def check(result: Any) -> str:
        (found,) = result["sites"]
        good = {urlsplit(page["url"]).path for page in found["pages"] if page["status"] == 200}
        expect("pages", sorted(good), sorted(site.pages()))
        return f"{len(good)} pages, and not the one that robots.txt forbids"

    return Errand(
        "CRAWLER",
        "Crawl a small web site",
        check,
        {"urls": [f"{address}/"], "limit": 50, "same_host": True},
    )


def echo() -> Errand:
    """Many short waits: long enough to be interrupted, and each counts in the sum."""

    def check(result: Any) -> str:
        right = {"count": ECHOES, "sum": sum(range(ECHOES))}
        expect("result", {name: result[name] for name in right}, right)
        return f"0 + 1 + … + {ECHOES - 1} = {result['sum']:,}: every subtask counted, none twice"

    return Errand(
        "ECHO", f"{ECHOES} small steps", check, {"count": ECHOES, "seconds": ECHO_SECONDS}
    )


def expect(name: str, found: object, right: object) -> None:
    """Raises WrongResult unless they are equal."""
    if found != right:
        raise WrongResult(f"{name} is {found!r}, but {right!r} is right")
