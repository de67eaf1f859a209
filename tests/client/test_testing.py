"""`check_kind` finds what is wrong with a kind; a new kind is written and keeps the rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from firmlight_client import kinds
from firmlight_client.kinds import Kind
from firmlight_client.testing import KindFault, check_kind, run_here
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

    def split(self, params: Any) -> Any:
        yield from params.words or [""]

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
    (type("Hasty", (Count,), {"is_decided": lambda self, partial: True}), "another result"),
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


def test_rounding_may_be_allowed_for() -> None:
    float_sum = type(
        "FloatSum",
        (Count,),
        {
            "Partial": float,
            "run": lambda self, payload: float(payload),
            "combine": lambda self, a, b: a + b,
            "finish": lambda self, partial, params: partial,
        },
    )
    numbers = {"words": ["1e16", "1", "-1e16", "1"]}
    with pytest.raises(KindFault, match="order"):
        check_kind(float_sum(), numbers)
    assert check_kind(float_sum(), numbers, same=lambda a, b: abs(a - b) < 5)


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
