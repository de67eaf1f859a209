"""The frames: what a worker may leave out, or say as null, and what is refused."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from firmlight_client import protocol
from firmlight_client.protocol import Consent

LEAST = {
    "hello": {"name": "tower", "slots": 1, "kinds": {}, "client_version": "0.1"},
    "ready": {"slots": 1},
    "heartbeat": {"leases": []},
    "result": {"lease": "L", "subtasks": [0], "partial": b"\x01", "seconds": 1.5},
    "failure": {"lease": "L", "subtask": 0, "error": "ValueError"},
    "release": {"lease": "L", "subtasks": [0]},
    "bye": {},
}
FRAMES = {frame.__struct_config__.tag: frame for frame in get_args(protocol.FromWorker)}


def read(tag: str, **fields: Any) -> protocol.FromWorker:
    return protocol.decode_from_worker(msgspec.msgpack.encode({"type": tag, **fields}))


def optional(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct) if not field.required]


def test_every_frame_of_a_worker_is_tried_here() -> None:
    assert FRAMES.keys() == LEAST.keys()


@pytest.mark.parametrize("tag", LEAST)
def test_null_in_an_optional_field_is_as_if_it_were_left_out(tag: str) -> None:
    left_out = read(tag, **LEAST[tag])
    for name in optional(FRAMES[tag]):
        assert read(tag, **LEAST[tag], **{name: None}) == left_out
    every = dict.fromkeys(optional(FRAMES[tag]))
    assert read(tag, **LEAST[tag], **every) == left_out


def test_null_in_a_rule_of_consent_is_as_if_it_were_left_out() -> None:
    rules = dict.fromkeys(optional(Consent))
    assert len(rules) == 10
    hello = read("hello", **LEAST["hello"], consent={"*": rules})
    assert isinstance(hello, protocol.Hello)
    assert hello.consent == {"*": Consent()}


def test_two_frames_with_null_do_not_share_a_list() -> None:
    one, other = (read("hello", **LEAST["hello"], leases=None) for _ in range(2))
    assert isinstance(one, protocol.Hello)
    assert isinstance(other, protocol.Hello)
    one.leases.append("L")
    assert other.leases == []


@pytest.mark.parametrize("tag", LEAST)
def test_null_in_a_field_that_is_needed_is_refused(tag: str) -> None:
    for name in LEAST[tag]:
        with pytest.raises(protocol.MalformedFrame, match=rf"\$\.{name}"):
            read(tag, **LEAST[tag] | {name: None})


def test_what_a_result_leaves_out_is_not_written() -> None:
    """An older server takes no null, and reads what is left out as it always did."""
    result = protocol.Result(lease="L", subtasks=[0], partial=b"\x01", seconds=1.5)
    assert msgspec.msgpack.decode(protocol.encode(result)) == {"type": "result", **LEAST["result"]}


def test_the_echo_of_a_heartbeat_has_a_limit() -> None:
    heartbeat = read("heartbeat", leases=[], echo="x" * protocol.ECHO_MAX)
    assert isinstance(heartbeat, protocol.Heartbeat)
    assert heartbeat.echo == "x" * protocol.ECHO_MAX
    with pytest.raises(protocol.MalformedFrame, match="length <= 64"):
        read("heartbeat", leases=[], echo="x" * (protocol.ECHO_MAX + 1))


def test_a_whole_number_is_good_for_seconds_but_a_fraction_is_no_count() -> None:
    whole = read("result", **LEAST["result"] | {"seconds": 2})
    assert whole == read("result", **LEAST["result"] | {"seconds": 2.0})
    with pytest.raises(protocol.MalformedFrame, match=r"\$\.slots"):
        read("ready", slots=1.0)


@pytest.mark.parametrize(
    ("tag", "wrong"), [("result", {"partial": "text"}), ("heartbeat", {"leases": [b"bytes"]})]
)
def test_text_and_bytes_are_not_taken_for_each_other(tag: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(protocol.MalformedFrame):
        read(tag, **LEAST[tag] | wrong)
