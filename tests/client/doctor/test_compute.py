"""`firmlight doctor --compute`: a right machine passes, and a wrong slot is named."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmlight_client import kinds
from firmlight_client.cli import doctor
from firmlight_client.doctor import compute, known_answers
from firmlight_client.doctor.known_answers import Answers, Lease, Subtask
from tests.support.cli import firmlight

FAULTY_KINDS = Path(__file__).parents[1] / "faulty_kinds"
packed = msgspec.msgpack.encode


def rows(*words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and what is said of each kind."""
    done = firmlight("doctor", "--compute", "--json", *words)
    assert done.stderr == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in map(json.loads, done.stdout.splitlines()):
        found.setdefault(row["kind"], []).append(row)
    return done.returncode, found


def states(found: list[dict[str, Any]]) -> list[str]:
    return [row["state"] for row in found]


@pytest.fixture
def few_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No answers are known, so that a round takes a moment."""
    file = tmp_path / "answers.json"
    file.write_text("{}")
    monkeypatch.setattr(known_answers, "FILE", file)
    return file


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, few_answers: Path) -> Iterator[None]:
    """The faulty kinds are installed, here and in the slots."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTY_KINDS))
    monkeypatch.syspath_prepend(str(FAULTY_KINDS))
    kinds.installed.cache_clear()
    yield
    kinds.installed.cache_clear()


def know(file: Path, kind: str, partials: list[Any], combined: Any) -> None:
    """Write answers to the payloads 0, 1, …"""
    subtasks = [
        Subtask(known_answers.digest(packed(number)), packed(partial).hex(), value=number)
        for number, partial in enumerate(partials)
    ]
    answers = {kind: Answers("1", 1, [Lease(subtasks, packed(combined).hex())])}
    file.write_bytes(msgspec.json.encode(answers))


# A machine that computes right


def test_a_right_machine_passes_on_every_slot() -> None:
    code, found = rows("--slots", "2")
    assert code == 0
    assert [row["slot"] for row in found["MEAN"]] == [1, 2]
    for name, answers in known_answers.load().items():
        subtasks = sum(len(lease.subtasks) + 1 for lease in answers.leases)
        for row in found[name]:
            assert (row["state"], row["how"]) == ("right", "known answers")
            assert (row["version"], row["answers"]) == (answers.version, answers.times * subtasks)
            assert row["seconds"] > 0
    (crawler,) = found["CRAWLER"]
    assert crawler == {
        "check": "compute",
        "kind": "CRAWLER",
        "version": kinds.get("CRAWLER").version,
        "slot": None,
        "state": "not tested",
        "how": "",
        "answers": 0,
        "wrong": 0,
        "seconds": 0.0,
        "words": "it needs the network",
        "expected": "",
        "got": "",
    }


@pytest.mark.usefixtures("few_answers")
def test_people_see_one_line_for_the_slots_that_are_right() -> None:
    done = firmlight("doctor", "--compute", "--slots", "3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Computing on 3 slots at the same time")
    (echo,) = [line for line in lines if "ECHO 1" in line]
    assert echo.split(maxsplit=3)[3].startswith("slots 1-3: 11 answers, the same on each")
    assert "Every answer was right." in done.stdout
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("few_answers")
def test_it_goes_on_for_so_many_rounds_or_so_long() -> None:
    once, thrice = rows("--slots", "2")[1], rows("--slots", "2", "--rounds", "3")[1]
    assert thrice["ECHO"][0]["answers"] == 3 * once["ECHO"][0]["answers"]
    longer = rows("--slots", "2", "--minutes", "0.01")[1]
    assert longer["ECHO"][0]["answers"] > once["ECHO"][0]["answers"]


@pytest.mark.usefixtures("few_answers")
def test_ctrl_c_ends_it_with_what_was_found_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(doctor._Progress, "__call__", stop)
    done = firmlight("doctor", "--compute", "--slots", "1", "--minutes", "60")
    assert done.returncode == 0
    assert "stopped before its turn" in done.stdout
    assert "Stopped early. The answers until then were right." in done.stdout


# A machine that computes wrong


@pytest.mark.usefixtures("faulty")
def test_a_slot_that_gets_a_known_answer_wrong_is_named(few_answers: Path) -> None:
    squares = [number**2 for number in range(5)]
    know(few_answers, "ROTTEN", [[square] for square in squares], squares)
    code, found = rows("--slots", "3")
    assert code == 1
    assert sorted(states(found["ROTTEN"])) == ["right", "right", "wrong"]
    (wrong,) = [row for row in found["ROTTEN"] if row["state"] == "wrong"]
    assert wrong["slot"] in (1, 2, 3)
    assert (wrong["wrong"], wrong["answers"]) == (2, 6)  # also all of them combined
    assert (wrong["words"], wrong["expected"], wrong["got"]) == ("subtask 4, at [0]", "9", "11")
    assert set(states(found["ECHO"])) == {"right"}


@pytest.mark.usefixtures("faulty")
def test_people_are_told_what_was_expected_and_what_to_do(few_answers: Path) -> None:
    know(few_answers, "ROTTEN", [[0], [1], [4], [9]], [0, 1, 4, 9])
    done = firmlight("doctor", "--compute", "--slots", "2")
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "2 of 5 answers wrong. First subtask 4, at [0]: expected 9, got 11" in text
    assert "Do not lend it until that is mended" in text
    assert "Memtest86+" in text
    assert "library" not in text
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.usefixtures("faulty")
def test_where_every_slot_is_wrong_alike_a_library_is_named(few_answers: Path) -> None:
    know(few_answers, "FRAGILE", [[0], [7]], [0, 7])
    done = firmlight("doctor", "--compute", "--slots", "2")
    assert done.returncode == 1
    assert "a library may be the cause" in " ".join(done.stdout.split())


@pytest.mark.usefixtures("faulty")
def test_without_known_answers_the_slot_in_the_minority_is_named() -> None:
    code, found = rows("--slots", "3")
    assert code == 1
    assert sorted(states(found["ROTTEN"])) == ["right", "right", "wrong"]
    (wrong,) = [row for row in found["ROTTEN"] if row["state"] == "wrong"]
    assert (wrong["how"], wrong["expected"], wrong["got"]) == ("compared", "9", "11")


@pytest.mark.usefixtures("faulty")
def test_of_two_slots_that_differ_nobody_knows_which_is_right() -> None:
    code, found = rows("--slots", "2")
    assert code == 1
    assert states(found["ROTTEN"]) == ["wrong", "wrong"]


@pytest.mark.usefixtures("faulty")
def test_one_slot_alone_is_asked_twice() -> None:
    code, found = rows("--slots", "1")
    assert code == 1
    assert states(found["MOODY"]) == ["wrong"]
    assert (states(found["ECHO"]), found["ECHO"][0]["answers"]) == (["right"], 22)


@pytest.mark.usefixtures("faulty")
def test_what_cannot_be_compared_is_said() -> None:
    found = rows("--slots", "1")[1]
    assert found["WANDERING"][0]["words"].endswith("they may be different each time")
    assert found["BLANK"][0]["words"].endswith("it has no example")
    assert states(found["WANDERING"] + found["BLANK"]) == ["not tested", "not tested"]


@pytest.mark.usefixtures("faulty")
def test_a_process_that_dies_is_a_failure_and_the_rest_goes_on() -> None:
    code, found = rows("--slots", "2")
    assert code == 1
    assert states(found["FRAGILE"]) == ["failed", "failed"]
    assert found["FRAGILE"][0]["words"].startswith("subtask 3 crashed: killed by signal 6")
    assert states(found["MOODY"]) == ["wrong", "wrong"]  # it comes after FRAGILE


def test_an_input_that_this_process_gets_wrong_is_a_wrong_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_answers, "made", lambda recipe: b"wrong")
    _, found = compute._plan(1)
    (mean,) = [row for row in found if row.kind == "MEAN"]
    assert (mean.state, mean.slot) == ("wrong", None)


@pytest.mark.usefixtures("faulty")
def test_a_kind_that_slots_do_not_find_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH")
    done = firmlight("doctor", "--compute", "--slots", "2", "--minutes", "0.01")
    assert done.returncode == 1
    (moody,) = [line for line in done.stdout.splitlines() if "MOODY" in line]
    assert moody.startswith("failed")
    assert "slots 1-2: its process does not find" in moody
    assert "ECHO 1           slots 1-2: 11" not in done.stdout  # it went on for longer


def test_slots_that_cannot_start_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    code, found = rows("--slots", "1")
    assert code == 1
    assert states(found["MEAN"]) == ["failed"]


# Options


@pytest.mark.parametrize(
    "words",
    [
        ["--slots", "2"],
        ["--rounds", "2"],
        ["--minutes", "1"],
        ["--compute", "--rounds", "2", "--minutes", "1"],
        ["--compute", "--rounds", "0"],
    ],
)
def test_options_that_do_not_fit_are_wrong_use(words: list[str]) -> None:
    assert firmlight("doctor", *words).returncode == 2


def test_the_help_explains_it() -> None:
    text = " ".join(firmlight("doctor", "--help").stdout.split())
    assert "--compute" in text
    assert "whether the machine computes right" in text
    assert "firmlight doctor --compute --minutes 30" in text
