"""Rules follow the group that a name meant when it was looked up."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmlight_client import group_names, protocol
from firmlight_client.protocol import ALL_GROUPS, RULE_FITS_NO_GROUP
from firmlight_client.worker.consent import group_file
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rulebook import TWO_RULES, Rulebook
from firmlight_client.worker.consent.rules import BadConsent, Consent

A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
URL = "https://lab.example.org"
STRICT = {"kinds": ["MEAN"]}


def book(*names: str, memory: Memory | None = None, wanted: tuple[str, ...] = ()) -> Rulebook:
    """The groups of these names may run MEAN only."""
    return Rulebook(Consent(groups=dict.fromkeys(names, STRICT)), wanted, memory or Memory())


def test_a_rule_stays_with_its_group_when_another_takes_the_name() -> None:
    rules = book("Lab Seven")
    assert rules.learn({A: "lab  seven"}) == {"Lab Seven": A}
    assert rules.learn({A: "Old Lab", B: "Lab Seven"}) == {}
    assert (rules.row(A), rules.row(B)) == ("Lab Seven", ALL_GROUPS)
    assert rules.called_now("Lab Seven") == "Old Lab"
    assert not rules.problems()
    again = book("Lab Seven", memory=Memory({A: "Old Lab", B: "Lab Seven"}, {"Lab Seven": A}))
    assert again.consent_by_key().keys() == {ALL_GROUPS, A}


def test_while_a_rule_fits_no_group_the_others_get_nothing() -> None:
    rules = book("Lab Sevn", "Friends")
    rules.learn({A: "Lab Seven", B: "Friends"})
    assert rules.unfit() == ["Lab Sevn"]
    assert rules.resting({}) == {ALL_GROUPS: RULE_FITS_NO_GROUP}
    assert rules.rules(B).kinds == ["MEAN"]
    said = " ".join(rules.problems())
    assert "Lab Sevn" in said
    assert "correct the name" in said
    assert "config unset" in said
    rules.learn({A: "Lab Sevn", B: "Friends"})
    assert (rules.resting({}), rules.problems()) == ({}, [])


@pytest.mark.parametrize("name", ["Lab Seven", A])
def test_a_group_that_was_left_or_deleted_leaves_a_rule_that_fits_none(name: str) -> None:
    rules = book(name)
    rules.learn({A: "Lab Seven"})
    rules.learn({B: "Lab Seven"})
    assert rules.unfit() == [name]
    assert rules.row(B) == ALL_GROUPS
    rules.learn({A: "Another", B: "Lab Seven"})
    assert (rules.unfit(), rules.row(A)) == ([], name)


def test_an_id_is_read_in_any_form_and_may_be_of_no_group() -> None:
    rules = book(A.upper())
    rules.learn({A: "Lab Seven"})
    assert rules.row(A) == A.upper()
    rules.learn({B: "Lab Seven"})
    assert rules.unfit() == [A.upper()]


def test_names_that_differ_in_case_only_are_of_the_groups_they_were_looked_up_for() -> None:
    rules = book("Lab", "LAB", memory=Memory(None, {"Lab": A}))
    assert rules.learn({A: "Old", B: "lab"}) == {"LAB": B}
    assert (rules.row(A), rules.row(B)) == ("Lab", "LAB")
    assert not rules.problems()


def test_two_rules_for_one_group_give_it_nothing() -> None:
    rules = book("Lab", A, "Friends")
    rules.learn({A: "Lab", B: "Friends"})
    assert rules.resting({}) == {"Lab": TWO_RULES, A: TWO_RULES}
    assert rules.consent_by_key()[A] == protocol.Consent(slots=0)
    assert '"Lab" and' in rules.problems()[0]


def test_an_older_server_tells_no_groups_so_names_fit_none_and_ids_do() -> None:
    rules = book("Lab", A)
    assert rules.learn(None) == {}
    assert rules.unfit() == ["Lab"]
    assert rules.row(A) == A


def test_what_is_said_after_group_is_looked_up_once() -> None:
    rules = book(wanted=("Lab Seven", "Nowhere"))
    assert rules.wanted_keys() == ["Lab Seven", "Nowhere"]
    assert rules.problems() == [], "the server has not been heard yet"
    rules.learn({A: "Lab Seven"})
    assert rules.wanted_keys() == [A, "Nowhere"]
    assert rules.problems() == ['--group "Nowhere" fits no group of yours: it gets no work there.']
    assert rules.resting({}) == {}


def test_rules_are_sent_by_the_keys_that_the_server_knows() -> None:
    rules = Rulebook(
        Consent({"nice": 3}, {"Lab": {**STRICT, "slots": 1}, "o" * 99: {"slots": 2}}), (), Memory()
    )
    rules.learn({A: "Lab"})
    consent = rules.consent_by_key()
    lab = protocol.Consent(kinds=["MEAN"], slots=1, memory_mib=1024, written="Lab")
    assert consent[A] == lab
    assert consent[ALL_GROUPS] == protocol.Consent(memory_mib=1024)
    hello = protocol.Hello(name="w", slots=1, kinds={}, client_version="0", consent=consent)
    assert protocol.decode_from_worker(protocol.encode(hello)) == hello
    assert rules.resting_by_key({"Lab": "on battery"}) == {A: "on battery"}


# The file


def test_what_a_name_means_is_remembered_for_each_server_until_it_is_forgotten(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    group_file.remember(home, URL, {A: "Lab"}, {"Lab": A})
    group_file.remember(home, "https://other.example.org", {B: "Lab"}, {"Lab": B})
    group_file.remember(home, URL, {A: "Old"}, {})
    assert group_file.load(home, URL) == Memory({A: "Old"}, {"Lab": A})
    assert group_file.forget(home, "Lab")
    assert not group_file.forget(home, "Lab")
    assert group_file.load(home, URL) == Memory({A: "Old"}, {})


def test_a_file_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / group_file.FILE).write_text("{")
    with pytest.raises(BadConsent, match=group_file.FILE):
        group_file.load(tmp_path, URL)


# Names

NAMES = st.sampled_from(
    [
        *("Lab", "LAB", "ＬＡＢ", " lab ", "Straße", "STRASSE", "e\u0301te", "\u00e9te"),
        *("Lab\ufe0f", "L\u2800ab", "L ab"),
    ]
)


@given(NAMES, NAMES)
def test_a_name_finds_the_group_that_the_server_would_not_let_have_it_twice(
    one: str, other: str
) -> None:
    same = group_names.name_key(one) == group_names.name_key(other)
    assert (group_names.find(one, {A: group_names.tidy(other)}) == A) is same


class Renaming(RuleBasedStateMachine):
    """Groups are made, renamed, left and joined again, and the worker starts anew at any moment.

    The model: the first group that a name fitted when the worker looked is the one that it means.
    """

    @initialize()
    def start(self) -> None:
        self.memory = Memory()
        self.groups: dict[str, str] = {}
        self.meant: dict[str, str] = {}
        self.number = 0
        self.book = book("Lab", "Étude")

    def _free(self, name: str) -> bool:
        keys = {group_names.name_key(each) for each in self.groups.values()}
        return group_names.name_key(name) not in keys

    @rule(name=st.sampled_from(["Lab", "lab", "ＬＡＢ", "e\u0301tude", "Étude", "Other"]))
    def a_group_is_made(self, name: str) -> None:
        self.number += 1
        if self._free(name):
            self.groups[f"{self.number:08x}-0000-4000-8000-000000000000"] = name
            self.connects()

    @rule(data=st.data(), name=st.sampled_from(["LAB", "Étude", "Old", "Older"]))
    def one_is_renamed(self, data: st.DataObject, name: str) -> None:
        if self.groups and self._free(name):
            self.groups[data.draw(st.sampled_from(sorted(self.groups)))] = name
            self.connects()

    @rule(data=st.data())
    def one_is_left(self, data: st.DataObject) -> None:
        if self.groups:
            del self.groups[data.draw(st.sampled_from(sorted(self.groups)))]
            self.connects()

    @rule(data=st.data())
    def one_is_joined_again(self, data: st.DataObject) -> None:
        gone = sorted(set(self.meant.values()) - self.groups.keys())
        if gone and self._free("Back again"):
            self.groups[data.draw(st.sampled_from(gone))] = "Back again"
            self.connects()

    @rule()
    def the_worker_starts_anew(self) -> None:
        self.book = book("Lab", "Étude", memory=self.memory)
        self.connects()

    def connects(self) -> None:
        found = self.book.learn(self.groups)
        self.memory = Memory(dict(self.groups), {**self.memory.bound, **found})
        for name in ("Lab", "Étude"):
            for group, called in self.groups.items():
                if group_names.name_key(called) == group_names.name_key(name):
                    self.meant.setdefault(name, group)

    @invariant()
    def each_group_has_the_rules_that_were_meant_for_it(self) -> None:
        fits = all(self.meant.get(name) in self.groups for name in ("Lab", "Étude"))
        resting = self.book.resting({})
        for group in self.groups:
            names = {name for name, meant in self.meant.items() if meant == group}
            row = self.book.row(group)
            assert row in (names or {ALL_GROUPS})
            nothing = len(names) > 1 or (not names and not fits)
            assert (row in resting) is nothing


Renaming.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestRenaming = Renaming.TestCase
