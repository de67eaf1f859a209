"""What `docs/reference/protocol.md` says of the frames is what the structs say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from django.conf import settings
from msgspec import inspect

from firmlight.processes import WS_PING_SECONDS, WS_PONG_SECONDS_MAX
from firmlight_client import backoff, protocol
from tasks.live_socket.messages import MESSAGE_BYTES_MAX
from tasks.queue.keys import online_seconds

PAGE = (Path(settings.BASE_DIR) / "docs/reference/protocol.md").read_text()
BOUNDS = ("ge", "le", "gt", "lt", "min_length", "max_length")
FROM_WORKER = {frame.__struct_config__.tag: frame for frame in get_args(protocol.FromWorker)}
FROM_SERVER = {frame.__struct_config__.tag: frame for frame in get_args(protocol.FromServer)}


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}$(.*?)(?=^##? )", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows_of(heading: str) -> list[list[str]]:
    lines = re.findall(r"^\|(?!---)(.*)\|$", section(heading), re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines[1:]]


def frames_of(heading: str) -> dict[str, dict[str, str]]:
    """{type: {field: what the page says of its type}}; a row may be about several fields."""
    frames: dict[str, dict[str, str]] = {}
    for tag, names, kind, *_ in rows_of(heading):
        if tag:
            fields = frames.setdefault(tag.strip("`"), {})
        fields |= dict.fromkeys(re.findall(r"`(\w+)`", names), kind)
    return frames


def consent_rows() -> dict[str, str]:
    found: dict[str, str] = {}
    for names, kind, _ in rows_of("Consent"):
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), kind)
    return found


def bounds(found: inspect.Type) -> Iterator[int]:
    """Every number that limits a type or its parts. A struct within has a table of its own."""
    for name in BOUNDS:
        limit = getattr(found, name, None)
        if limit is not None and (name, limit) != ("min_length", 0):
            yield int(limit)
    for inner in ("item_type", "key_type", "value_type", "type"):
        if part := getattr(found, inner, None):
            yield from bounds(part)
    for part in getattr(found, "types", ()):
        yield from bounds(part)


def numbers(text: str) -> set[int]:
    return {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)}


def unsaid(struct: Any, said: dict[str, str]) -> list[str]:
    """The fields of a struct whose limits, or being optional, the page does not say."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    wrong = []
    for field in info.fields:
        text = said[field.name]
        missing = set(bounds(field.type)) - numbers(text)
        if missing:
            wrong.append(f"{field.name}: {sorted(missing)} is not in {text!r}")
        if "optional" in text and field.required:
            wrong.append(f"{field.name}: is not optional")
    return wrong


@pytest.mark.parametrize(
    ("heading", "frames"),
    [("Frames from the worker", FROM_WORKER), ("Frames from the server", FROM_SERVER)],
)
def test_every_frame_and_every_field_has_its_place_on_the_page(
    heading: str, frames: dict[str, type[msgspec.Struct]]
) -> None:
    fields = {tag: set(frame.__struct_fields__) for tag, frame in frames.items()}
    assert {tag: set(said) for tag, said in frames_of(heading).items()} == fields


@pytest.mark.parametrize("tag", FROM_WORKER)
def test_every_limit_of_what_a_worker_sends_is_said(tag: str) -> None:
    assert unsaid(FROM_WORKER[tag], frames_of("Frames from the worker")[tag]) == []


@pytest.mark.parametrize("tag", FROM_WORKER)
def test_what_a_worker_may_leave_out_is_said(tag: str) -> None:
    said = frames_of("Frames from the worker")[tag]
    optional = {f.name for f in msgspec.structs.fields(FROM_WORKER[tag]) if not f.required}
    assert {name for name, text in said.items() if "optional" in text} == optional


def test_every_limit_of_a_rule_is_said() -> None:
    said = consent_rows()
    assert said.keys() == set(protocol.Consent.__struct_fields__)
    assert unsaid(protocol.Consent, said) == []


def test_a_limit_that_is_not_said_is_found() -> None:
    said = {"slots": "int, 0-1023", "received": "int, optional", "resting": "map"}
    assert unsaid(protocol.Ready, said) == [
        "slots: [1024] is not in 'int, 0-1023'",
        "received: [0] is not in 'int, optional'",
        "resting: [1, 64, 200, 257] is not in 'map'",
    ]


def test_limits_of_the_settings_are_said_as_they_are() -> None:
    said = dict(
        re.findall(r"\b([A-Z][A-Z_]+(?:MAX|MIN|SECONDS|HOURS)) \(([\d,.]+(?: [MK]iB)?)\)", PAGE)
    )
    assert len(said) > 12
    for name, text in said.items():
        number, _, unit = text.partition(" ")
        factor = {"": 1, "KiB": 2**10, "MiB": 2**20}[unit]
        assert float(number.replace(",", "")) * factor == getattr(settings, name), name


def test_other_numbers_on_the_page_are_those_of_the_program() -> None:
    assert f"At most 16 MiB ({protocol.FRAME_MAX_BYTES:,} bytes)" in PAGE
    assert f"A message has at most {MESSAGE_BYTES_MAX:,} characters" in PAGE
    assert f"pings every {WS_PING_SECONDS} s" in PAGE
    assert f"no pong came for {WS_PONG_SECONDS_MAX} s" in PAGE
    assert online_seconds() == 20
    assert "from which nothing came for 20 s" in PAGE
    least, most = backoff.FIRST_SECONDS
    assert f"wait {least} to {most} s" in PAGE
    assert f"min({backoff.CAP_SECONDS:g}, {backoff.BASE_SECONDS} x 2^n)" in PAGE


def test_every_reason_and_every_close_is_explained() -> None:
    said = set(re.findall(r"^\| `(\w+)` \|", section("The life of a connection"), re.MULTILINE))
    sources = [*Path(settings.BASE_DIR, "tasks/lua").glob("*.lua")]
    sources += Path(settings.BASE_DIR, "tasks/worker_socket").glob("*.py")
    text = "".join(source.read_text() for source in sources)
    given = set(re.findall(r"refused\('(\w+)'", text)) | set(re.findall(r"Flaw\(\"(\w+)\"", text))
    given |= set(re.findall(r"reason = (?:reason or )?'(\w+)'", text)) | {"too_large"}
    assert said == given
    for name, code in vars(protocol).items():
        if name.startswith("CLOSE_"):
            assert f"| {code} |" in PAGE, name
