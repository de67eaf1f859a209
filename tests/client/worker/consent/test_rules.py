"""What the file says, and what becomes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmlight_client import network
from firmlight_client.kinds import _public_address
from firmlight_client.worker.consent import rules
from firmlight_client.worker.consent.rules import BadConsent, Consent
from firmlight_client.worker.slot.slot_options import SlotOptions

FILE = """
name = "attic"
slots = 3
nice = 15

[groups."Lab Seven"]
kinds = ["MEAN"]
slots = 1

[groups.Friends]
network = "none"
hours = ["22:00-07:00", "sat-sun"]
nice = 5
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "worker.toml").write_text(FILE)
    return tmp_path


def test_a_group_has_what_the_file_says_of_it_and_of_all(home: Path) -> None:
    loaded = rules.load(home)
    assert (loaded.plain.slots, loaded.plain.nice, loaded.plain.kinds) == (3, 15, None)
    lab = loaded.groups["Lab Seven"]
    assert (lab.slots, lab.nice, lab.kinds) == (1, 15, ["MEAN"])
    assert loaded.groups["Friends"].hours == ["22:00-07:00", "sat-sun"]
    assert rules.name(home) == "attic"


def test_the_command_line_comes_before_the_file_but_not_before_a_groups_own(home: Path) -> None:
    loaded = rules.load(home, nice=19, memory_mib=None, network="private")
    assert (loaded.plain.nice, loaded.plain.network) == (19, "private")
    assert (loaded.groups["Friends"].nice, loaded.groups["Friends"].network) == (5, "none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slots = 'many'", "slots"),
        ("colour = 'red'", "colour"),
        ("hours = ['noon']", "no span of hours"),
        ("memory_mib = 10", "256 MiB at least"),
        ("memory_mib = 2000000000000", "(memory_mib)"),
        ("subtask_seconds_max = inf", "(subtask_seconds_max)"),
        ("subtask_seconds_max = nan", "(subtask_seconds_max)"),
        ("[groups.Lab]\nnetwork = 'all'", "groups.Lab: Invalid enum value 'all'"),
        ("groups = 3", "are a table"),
        ("[groups.'*']\nslots = 1", "at the top of worker.toml"),
        ("[groups.' ']\nslots = 1", "not the name of a group"),
        ('[groups."a\\u0000b"]\nslots = 1', "not the name of a group"),
        ("\n".join(f"[groups.g{number}]" for number in range(257)), "at most 256 groups"),
        ("slots = ", "worker.toml: Invalid value"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "worker.toml").write_text(text)
    with pytest.raises(BadConsent, match=re.escape(rules.FILE)) as error:
        rules.load(tmp_path)
    assert said in str(error.value)


def test_what_needs_no_network_is_started_without_and_alike_for_all_groups() -> None:
    rules = Consent(groups={"Lab": {"hosts": ["example.org"], "network": "private"}}).groups["Lab"]
    assert rules.slot_options(public=False) == SlotOptions()
    assert rules.slot_options(public=True) == SlotOptions(
        network=True, hosts=("example.org",), private=True
    )


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.org", True),
        ("www.Example.org.", True),
        ("notexample.org", False),
        ("example.com", False),
    ],
)
def test_named_hosts_are_the_only_ones_that_can_be_reached(
    host: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_hosts", ())
    assert network.host_allowed(host)
    network.allow_only(["example.org"])
    assert network.host_allowed(host) is allowed
    if not allowed:
        with pytest.raises(_public_address.Refused, match="none of the hosts"):
            _public_address.checked_addresses(host, 443, private=True)


def test_an_owner_may_write_a_host_in_any_alphabet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_hosts", ())
    network.allow_only(["Bücher.example", "💩.la", "xn--fa-hia.example"])
    assert network.host_allowed("xn--bcher-kva.example")
    assert network.host_allowed("www.xn--ls8h.la")
    assert network.host_allowed("xn--fa-hia.example")
    assert not network.host_allowed("bcher.example")
