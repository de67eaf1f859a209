"""`check_kind` finds what is wrong with a kind; a new kind is written and keeps the rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from firmlight_client import kinds
from firmlight_client.kinds import BadPartial, Kind
from firmlight_client.testing import KindFault, Tried, check_kind, run_here, try_check
from tests.support.cli import firmlight


class Words(msgspec.Struct):
    words: list[str] = msgspec.field(default_factory=list)


class Params(msgspec.Struct):
    words: Annotated[list[str], msgspec.Meta(description="What is counted")]


Word = Annotated[str, msgspec.Meta(max_length=100)]


class Hooked(msgspec.Struct, array_like=True):
    count: int

    def __post_init__(self) -> None:
        raise AssertionError("it runs where bytes arrive")


class Count(Kind):
    """Words by their number: a kind without a fault. The faulty ones change one thing of it."""

    name, title, version = "COUNT", "Count words", "1"
    Params = Params
    Partial = Annotated[
        dict[Word, Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(max_length=1000)
    ]

    checks_payloads = proves = True

    def split(self, params: Any) -> Any:
        yield from params.words or [""]

    def check(self, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
        if partial != Counter(payloads):
            raise BadPartial("these are other words")

    def run(self, payload: Any) -> Any:
        return {payload: 1}

    def combine(self, a: Any, b: Any) -> Any:
        for word, number in b.items():
            a[word] = a.get(word, 0) + number
        return a

    def finish(self, partial: Any, params: Any) -> Any:
        return dict(sorted(partial.items()))


EXAMPLE = {"words": ["to", "be", "or", "not", "to", "be"]}


def test_a_good_kind_passes_and_its_results_come_back() -> None:
    assert check_kind(Count(), EXAMPLE, {"words": []}) == [
        {"be": 2, "not": 1, "or": 1, "to": 2},
        {"": 1},
    ]
    assert run_here(Count(), Count().load(EXAMPLE)) == {"be": 2, "not": 1, "or": 1, "to": 2}


class Restless(Count):
    calls = 0

    def split(self, params: Any) -> Any:
        Restless.calls += 1
        return [*params.words, str(Restless.calls)]


FAULTS: list[tuple[type[Kind], str]] = [
    (type("Lower", (Count,), {"name": "count"}), "upper case"),
    (type("Untitled", (Count,), {"title": ""}), "title and version"),
    (type("Nets", (Count,), {"network": "home"}), "network is"),
    (type("Silent", (Count,), {"Params": Words}), "has a description"),
    (type("Empty", (Count,), {"split": lambda self, params: []}), "at least one payload"),
    (Restless, "same payloads"),
    (type("Sets", (Count,), {"run": lambda self, payload: 2**70}), "MessagePack can carry"),
    (
        type("Misfit", (Count,), {"run": lambda self, payload: [payload]}),
        "partial of subtask 0 does not fit COUNT's",
    ),
    (
        type("Swells", (Count,), {"combine": lambda self, a, b: {"x" * 101: 1}}),
        "partial of all subtasks does not fit",
    ),
    (
        type("Loose", (Count,), {"Partial": dict[str, int]}),
        "but dict without max_length; str without max_length",
    ),
    (type("Open", (Count,), {"Partial": tuple[Any, int]}), "any may be of any size"),
    (type("Runs", (Count,), {"Partial": Hooked}), r"Hooked runs code of its own \(__post_init__\)"),
    (type("Slow", (Count,), {"subtask_seconds_max": 1e-9}), "subtask_seconds_max"),
    (type("Last", (Count,), {"combine": lambda self, a, b: b}), "order or the grouping"),
    (type("Hasty", (Count,), {"is_decided": lambda self, partial, params: True}), "another result"),
    (
        type("Nan", (Count,), {"finish": lambda self, partial, params: float("nan")}),
        "JSON can carry",
    ),
]


@pytest.mark.parametrize(
    ("kind", "said"), FAULTS, ids=lambda one: one.__name__ if isinstance(one, type) else ""
)
def test_each_fault_is_named(kind: type[Kind], said: str) -> None:
    with pytest.raises(KindFault, match=said):
        check_kind(kind(), EXAMPLE)


def test_a_kind_without_a_partial_is_warned_of_and_otherwise_checked() -> None:
    bare = type("Bare", (Count,), {"Partial": None})
    with pytest.warns(UserWarning, match="COUNT has no Partial"):
        assert check_kind(bare(), EXAMPLE) == [{"be": 2, "not": 1, "or": 1, "to": 2}]


class FloatSum(Count):
    """Sums that depend on the order in their last digits."""

    Partial = float
    proves = False

    def run(self, payload: Any) -> Any:
        return float(payload)

    def combine(self, a: Any, b: Any) -> Any:
        return a + b

    def check(self, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
        if abs(partial) > sum(abs(float(payload)) for payload in payloads):
            raise BadPartial("the sum is too large")

    def finish(self, partial: Any, params: Any) -> Any:
        return partial


class Rounded(FloatSum):
    deterministic = False

    def same(self, a: Any, b: Any) -> bool:
        return abs(a - b) < 5


def test_rounding_may_be_allowed_for() -> None:
    numbers = {"words": ["1e16", "1", "-1e16", "1"]}
    with pytest.raises(KindFault, match="result depends on the order"):
        check_kind(FloatSum(), numbers)

    def about(a: float, b: float) -> bool:
        return abs(a - b) < 5

    with pytest.raises(KindFault, match="canonical depends on the order"):
        check_kind(FloatSum(), numbers, same=about)
    assert check_kind(Rounded(), numbers, same=about)


# How a kind is checked


def faulty(**changes: Any) -> Kind:
    kind: Kind = type("Faulty", (Count,), changes)()
    return kind


def check_by_number(self: Kind, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
    if sum(partial.values()) != len(subtasks):
        raise BadPartial("it counts more or fewer words")


def refuse(self: Kind, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
    raise BadPartial("no")


def believe(self: Kind, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
    """Check nothing."""


def stumble(self: Kind, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
    for payload in payloads:
        partial[payload] -= 1


class Listed(Count):
    """Its partials are lists in no order."""

    Partial = Annotated[list[Word], msgspec.Meta(max_length=1000)]

    def run(self, payload: Any) -> Any:
        return [payload]

    def combine(self, a: Any, b: Any) -> Any:
        return a + b

    def check(self, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
        if sorted(partial) != sorted(payloads):
            raise BadPartial("these are other words")

    def finish(self, partial: Any, params: Any) -> Any:
        return sorted(partial)


class Sorted(Listed):
    def canonical(self, partial: Any) -> bytes:
        return super().canonical(sorted(partial))


class Chance(Sorted):
    """It computes something else each time."""

    calls = 0
    proves = False

    def run(self, payload: Any) -> Any:
        Chance.calls += 1
        return [f"{payload} {Chance.calls}"]

    def check(self, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
        if sorted(word.split()[0] for word in partial) != sorted(payloads):
            raise BadPartial("these are other words")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (faulty(check=refuse), r"check refuses an honest partial of \[.*\]: no"),
        (faulty(check=believe, proves=False), r"check notices none of \d+ wrong partials"),
        (faulty(check=check_by_number), "says that check proves, but check did not notice"),
        (faulty(check=Kind.check), "says that check proves, but has none"),
        (faulty(check=stumble), r"raise BadPartial or nothing, not KeyError\("),
        (
            faulty(is_decided=lambda self, partial: False),
            "is_decided takes a partial and the params",
        ),
        (faulty(same=lambda self, a, b: False), "are not the `same`"),
        (Listed(), "canonical depends on the order"),
        (Chance(), "run gives another partial each time; say deterministic = False"),
    ],
)
def test_a_check_that_cannot_be_relied_on_is_named(kind: Kind, said: str) -> None:
    with pytest.raises(KindFault, match=said):
        check_kind(kind, EXAMPLE)


def test_a_check_that_proves_nothing_must_only_notice_something() -> None:
    kind = faulty(check=check_by_number, proves=False)
    assert check_kind(kind, EXAMPLE)
    tried = try_check(kind, EXAMPLE)
    assert 0 < tried.noticed < tried.changed
    assert tried.missed
    assert try_check(kind, EXAMPLE) == tried, "the same partials are tried each time"


def test_a_kind_without_a_check_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="COUNT has no check: its partials are believed unless"):
        check_kind(faulty(check=Kind.check, proves=False), EXAMPLE)


def test_lists_in_no_order_are_sorted_for_comparing() -> None:
    assert check_kind(Sorted(), EXAMPLE) == [sorted(EXAMPLE["words"])]


def test_a_check_that_notices_everything_says_so() -> None:
    tried = try_check(Count(), EXAMPLE)
    assert tried.changed > 100
    assert tried == Tried(tried.changed, tried.changed, [])
    assert tried.share == 1


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("FACTORIZATION", {"number": 10**12 + 1}),
        ("FACTORIZATION[]", {"calls": [{"number": n} for n in (12, "91", 10**15 + 37)]}),
        ("MEAN", {"numbers": [1, 2.5, -4e3] * 1000}),
        ("ECHO", {"count": 20, "collect": True}),
    ],
)
def test_the_kinds_that_come_along_keep_the_rules(name: str, params: dict[str, Any]) -> None:
    kind = kinds.get(name)
    (result,) = check_kind(kind, params)
    assert run_here(kind, kind.load(params)) == result


# firmlight kinds


def test_a_kind_is_run_without_any_server(tmp_path: Path) -> None:
    done = firmlight("kinds", "run", "FACTORIZATION", "number=91")
    assert json.loads(done.stdout)["factors"] == [["7", 1], ["13", 1]]
    (tmp_path / "numbers.csv").write_text("1\n2\n3\n")
    done = firmlight("kinds", "run", "MEAN", "--file", str(tmp_path / "numbers.csv"), "--json")
    assert json.loads(done.stdout)["mean"] == 2
    assert done.stdout.count("\n") == 1
    assert "FACTORIZATION " in firmlight("kinds", "list").stdout
    assert {"MEAN", "ECHO"} <= {
        json.loads(row)["name"] for row in firmlight("kinds", "list", "--json").stdout.splitlines()
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "NOTHING"], "firmlight: No kind 'NOTHING' is installed here"),
        (["run", "FACTORIZATION", "number=x"], "firmlight: number: the number must be"),
        (["run", "FACTORIZATION"], "firmlight: number: "),
        (["new", "7 up"], "firmlight: '7 up' cannot be a kind's name"),
        (["new", "../up"], "cannot be a kind's name"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(words: list[str], said: str) -> None:
    done = firmlight("kinds", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_new_kind_works_from_its_first_minute(tmp_path: Path) -> None:
    done = firmlight("kinds", "new", "prime-count", "--folder", str(tmp_path))
    made = tmp_path / "firmlight-prime-count"
    assert done.stdout.startswith(f"{made} is ready.")
    assert (
        "is there already"
        in firmlight("kinds", "new", "PRIME_COUNT", "--folder", str(tmp_path)).stderr
    )
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-qq",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    run(*install, "--target", str(tmp_path / "site"), str(made))
    (tmp_path / "empty").mkdir()
    env = {"PYTHONPATH": str(tmp_path / "site")}
    shown = run(
        sys.executable, "-m", "firmlight_client", "kinds", "run", "PRIME_COUNT", "limit=1000", **env
    )
    assert json.loads(shown) == {"limit": 1000, "primes": 168}
    run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        os.devnull,
        "--rootdir",
        str(made),
        str(made / "tests"),
        **env,
    )
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E,F,W,UP,B,RUF,SIM,C4",
        "--line-length",
        "120",
    ]
    run(*ruff, str(made))
    run(
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--isolated",
        "--line-length",
        "120",
        "--check",
        str(made),
    )


def run(*command: str, **env: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "RUFF_NO_CACHE": "true", **env},
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
