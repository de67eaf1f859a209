"""What the end of a call means, and what environment a child gets."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from firmlight_client import kinds
from tasks.kind_processes import wire
from tasks.kind_processes.endings import death_of, failure_of, how_it_ended
from tasks.kind_processes.environment import environment
from tasks.kind_processes.outcomes import (
    Crashed,
    KindChanged,
    KindRaised,
    OutOfMemory,
    RuleViolated,
    TimedOut,
)
from tasks.kind_processes.watch import Limits

LIMITS = Limits(seconds=60, processor_seconds=45)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("broken_rule", RuleViolated),
        ("kind_changed", KindChanged),
        ("out_of_memory", OutOfMemory),
        ("raised", KindRaised),
    ],
)
def test_each_reason_is_an_outcome_with_its_message(reason: str, outcome: type[Exception]) -> None:
    found = failure_of(wire.Failed(reason=reason, message="what happened"), "ECHO")
    assert type(found) is outcome
    assert str(found) == "what happened"


def test_an_error_in_params_keeps_its_field_and_what_else_it_carries() -> None:
    extras = {"code": "ambiguous_file", "choices": {"decimal": ["point", "comma"]}}
    failed = wire.Failed(reason="params", message="two ways", field="decimal", extras=extras)
    found = failure_of(failed, "MEAN")
    assert isinstance(found, kinds.ParamsError)
    assert (found.message, found.field, found.code) == ("two ways", "decimal", "ambiguous_file")
    assert found.choices == extras["choices"]


def test_a_kind_that_raised_names_class_stage_and_traceback() -> None:
    failed = wire.Failed(
        reason="raised", message="no", name="ValueError", stage="finish", traceback="line 1"
    )
    found = failure_of(failed, "ECHO")
    assert isinstance(found, KindRaised)
    assert (found.name, found.stage, found.traceback) == ("ValueError", "finish", "line 1")


def test_the_signal_of_spent_processor_time_is_a_lasting_timeout() -> None:
    found = death_of(-signal.SIGXCPU, LIMITS, "")
    assert isinstance(found, TimedOut)
    assert (found.lasting, str(found)) == (True, "it computed for more than 45 s")


def test_any_other_death_is_a_crash_that_may_pass() -> None:
    found = death_of(-signal.SIGKILL, LIMITS, "killed")
    assert isinstance(found, Crashed)
    assert (found.lasting, str(found)) == (False, "its process crashed (signal 9, SIGKILL)")


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal 9, SIGKILL"), (-250, "signal 250")],
)
def test_an_exit_code_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_a_child_gets_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "never-shown")
    monkeypatch.setenv("DATABASE_URL", "postgres://user:never-shown@host/base")
    monkeypatch.setenv("LANG", "C.UTF-8")
    found = environment(tmp_path)
    assert "never-shown" not in str(found)
    assert (found["LANG"], found["HOME"], found["TMPDIR"]) == (
        "C.UTF-8",
        str(tmp_path),
        str(tmp_path),
    )
