"""The vectors for other languages are what the real code reads and writes, to the last byte."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import msgpack
import msgspec
import pytest

from firmlight_client import kinds, protocol
from tests.client.vectors import FOLDER, files, frames, plain

CHANGED = (
    "The code no longer makes these vectors. If workers in other languages are to follow, give the "
    "kind another version, and write the vectors again: python -m tests.client.vectors"
)


@cache
def shipped(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def of_frames(part: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = shipped("frames.json")[part]
    assert vectors
    return vectors


def raw(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["hex"])


def unpacked(data: bytes) -> Any:
    """By another implementation of MessagePack than the product's."""
    return plain(msgpack.unpackb(data, strict_map_key=False))


def rewritten(frame: msgspec.Struct) -> Any:
    return plain(msgspec.msgpack.decode(protocol.encode(frame)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["frames.json", "kinds.json"])
def test_the_vectors_are_what_the_code_makes(name: str) -> None:
    made = json.loads(files()[name])
    for part, vectors in made.items():
        assert shipped(name).get(part) == vectors, f"{part}: {CHANGED}"
    assert (FOLDER / name).read_text(encoding="utf-8") == files()[name], CHANGED


# Frames


def test_there_is_a_vector_of_every_frame() -> None:
    for part, union in (("from_worker", protocol.FromWorker), ("from_server", protocol.FromServer)):
        tags = {vector["frame"]["type"] for vector in of_frames(part)}
        assert tags == {frame.__struct_config__.tag for frame in get_args(union)}


def test_every_field_of_every_frame_is_in_a_vector() -> None:
    for part, union in (("from_worker", protocol.FromWorker), ("from_server", protocol.FromServer)):
        for frame in get_args(union):
            tag = frame.__struct_config__.tag
            seen = set().union(*(v["frame"] for v in of_frames(part) if v["frame"]["type"] == tag))
            assert seen == {"type", *frame.__struct_fields__}


@pytest.mark.parametrize("part", ["from_worker", "from_server"])
def test_the_bytes_of_a_frame_are_its_map_in_both_directions(part: str) -> None:
    for vector in of_frames(part):
        assert unpacked(raw(vector)) == vector["frame"]
        assert plain(msgspec.msgpack.decode(raw(vector))) == vector["frame"]
        assert msgpack.packb(msgpack.unpackb(raw(vector))) == raw(vector)


def test_the_server_reads_a_workers_frames_as_they_are_meant() -> None:
    for vector in of_frames("from_worker"):
        frame = protocol.decode_from_worker(raw(vector))
        for name, value in vector["frame"].items():
            if name not in ("type", "consent"):
                assert plain(getattr(frame, name)) == value
        assert protocol.decode_from_worker(protocol.encode(frame)) == frame


def test_the_server_reads_the_rules_of_a_hello_as_they_are_meant() -> None:
    (frame,) = [v["frame"] for v in of_frames("from_worker") if "consent" in v["frame"]]
    hello = protocol.decode_from_worker(msgspec.msgpack.encode(frame))
    assert isinstance(hello, protocol.Hello)
    for group, rules in frame["consent"].items():
        for name, value in rules.items():
            assert getattr(hello.consent[group], name) == value


def test_the_server_writes_its_frames_as_they_are_in_the_vectors() -> None:
    for vector in of_frames("from_server"):
        frame = protocol.decode_from_server(raw(vector))
        assert rewritten(frame) == vector["frame"]
        assert protocol.encode(frame) == raw(vector)


def test_other_bytes_of_the_same_meaning_are_read_as_the_same_frame() -> None:
    for vector in of_frames("same_meaning"):
        tag = vector["frame"]["type"]
        least = msgspec.msgpack.encode({"type": tag, **frames.LEAST[tag]})
        assert raw(vector) != least
        assert protocol.decode_from_worker(raw(vector)) == protocol.decode_from_worker(least)


def test_a_malformed_frame_is_refused() -> None:
    for vector in of_frames("malformed"):
        with pytest.raises(protocol.MalformedFrame):
            protocol.decode_from_worker(raw(vector))


# Kinds


def of_kinds() -> dict[str, Any]:
    found: dict[str, Any] = shipped("kinds.json")["kinds"]
    return found


def value_of(kind: kinds.Kind, shown: dict[str, Any]) -> Any:
    """A partial of a vector, as it arrives at the server."""
    assert unpacked(raw(shown)) == shown["value"]
    return kinds.decode_partial(kind, raw(shown))


def test_there_are_vectors_of_every_kind_that_we_ship() -> None:
    assert of_kinds().keys() == kinds.installed().keys()
    assert {name: found["version"] for name, found in of_kinds().items()} == {
        name: kind.version for name, kind in kinds.installed().items()
    }


@pytest.mark.parametrize("name", sorted(kinds.installed()))
def test_partials_of_the_vectors_are_taken_and_combined_in_any_order(name: str) -> None:
    kind = kinds.get(name)
    for pair in of_kinds()[name]["combine"]:
        a, b = value_of(kind, pair["a"]), value_of(kind, pair["b"])
        for both in (kind.combine(a, b), kind.combine(b, a)):
            assert msgspec.msgpack.encode(both) == raw(pair["combined"])
    for task in of_kinds()[name]["tasks"]:
        params = kind.load(task["params"])
        partials = [value_of(kind, shown) for shown in task["partials"]]
        assert [kind.is_decided(partial, params) for partial in partials] == task["decided"]
        together = value_of(kind, task["combined"])
        for row in (partials, partials[::-1]):
            found = kinds.combine_all(kind, row)
            assert plain(kind.finish(found, params)) == task["result"]
        assert plain(kind.finish(together, params)) == task["result"]


@pytest.mark.parametrize("name", [name for name in kinds.installed() if name != "CRAWLER"])
def test_a_payload_of_the_vectors_gives_its_partial(name: str) -> None:
    kind = kinds.get(name)
    for task in of_kinds()[name]["tasks"]:
        for payload, partial in zip(task["payloads"], task["partials"], strict=True):
            assert msgspec.msgpack.encode(kind.run(msgspec.msgpack.decode(raw(payload)))) == raw(
                partial
            )
    for one in of_kinds()[name]["run"]:
        found = kind.run(msgspec.msgpack.decode(raw(one["payload"])))
        assert msgspec.msgpack.encode(found) == raw(one["partial"])
        assert kind.is_decided(found, None) == one["decided"]


@pytest.mark.parametrize("name", sorted(kinds.installed()))
def test_what_is_no_partial_is_refused(name: str) -> None:
    for vector in of_kinds()[name]["bad_partials"]:
        with pytest.raises(kinds.BadPartial):
            kinds.decode_partial(kinds.get(name), raw(vector))


def test_drift_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(_: Any, a: Any, b: Any) -> Any:
        return [a[0] + b[0], a[1] + b[1], b[2] + a[2]]

    monkeypatch.setattr(type(kinds.get("ECHO")), "combine", backwards)
    with pytest.raises(AssertionError, match="no longer makes these vectors"):
        test_the_vectors_are_what_the_code_makes("kinds.json")
