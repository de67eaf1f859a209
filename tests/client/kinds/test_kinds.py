"""What holds for every installed kind, and how a kind is found."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import jsonschema
import msgspec
import pytest

from firmlight_client import kinds
from firmlight_client.kinds import ParamsError

INSTALLED = kinds.installed()
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "CRAWLER": [
        {"urls": ["https://www.example.com/"]},
        {"urls": ["http://a.example"], "limit": 2000, "same_host": False},
    ],
    "ECHO": [{"count": 3}, {"count": 1, "seconds": 0.5, "collect": True}],
    "FACTORIZATION": [{"number": "1000000000000000009"}, {"number": 91}, {"number": 10**30}],
    "FACTORIZATION[]": [{"calls": [{"number": "1000000000000000009"}, {"number": 91}]}],
    "MEAN": [{"numbers": [1, 2.5, -4e3]}, {"numbers": "AAAAAAAA8D8="}],
    "MEAN[]": [{"calls": [{"numbers": [1, 2.5]}, {"numbers": "AAAAAAAA8D8="}]}],
}
each_kind = pytest.mark.parametrize("kind", INSTALLED.values(), ids=list(INSTALLED))
each_example = pytest.mark.parametrize(
    ("name", "params"), [(n, p) for n, all_ in EXAMPLES.items() for p in all_]
)


def test_the_built_in_kinds_and_one_of_another_package_are_found():
    assert set(EXAMPLES) <= set(INSTALLED)
    (echo,) = entry_points(group=kinds.GROUP, name="echo")
    assert echo.dist is not None
    assert echo.dist.name == "firmlight-echo"
    assert type(kinds.get("ECHO")).__module__ == "firmlight_echo"


def test_an_unknown_kind_is_named():
    with pytest.raises(kinds.UnknownKind, match="NOPE"):
        kinds.get("NOPE")


@each_kind
def test_a_kind_says_what_it_is(kind):
    assert kind.name == kind.name.upper()
    assert kind.title
    assert kind.version
    assert kind.network in ("none", "public")
    assert kind.subtask_seconds_max > 0


@each_kind
def test_the_schema_describes_every_field(kind):
    schema = kinds.params_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert json.loads(json.dumps(schema)) == schema
    for field in schema["properties"].values():
        assert field["description"]


@each_kind
def test_the_examples_of_the_schema_are_taken(kind):
    schema = kinds.params_schema(kind)
    examples = {name: field["examples"][0] for name, field in schema["properties"].items()}
    jsonschema.Draft202012Validator(schema).validate(examples)
    assert list(kind.split(kind.load(examples)))


@each_example
def test_schema_and_params_agree_on_good_input(name, params):
    kind = kinds.get(name)
    jsonschema.Draft202012Validator(kinds.params_schema(kind)).validate(params)
    loaded = kind.load(params)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(loaded), type=kind.Params) == loaded


@each_example
def test_the_same_params_are_split_the_same_way(name, params):
    kind = kinds.get(name)
    payloads = [msgspec.msgpack.encode(payload) for payload in kind.split(kind.load(params))]
    assert payloads == [
        msgspec.msgpack.encode(payload) for payload in kind.split(kind.load(params))
    ]
    assert payloads


@each_kind
def test_an_unknown_field_is_refused_by_name(kind):
    with pytest.raises(ParamsError) as refused:
        kind.load({**EXAMPLES[kind.name][0], "nonsense": 1})
    assert refused.value.field == "nonsense"


@each_kind
def test_a_missing_field_is_refused_by_name(kind):
    with pytest.raises(ParamsError) as refused:
        kind.load({})
    assert refused.value.field == next(iter(EXAMPLES[kind.name][0]))


@pytest.mark.parametrize("name", ["ECHO", "FACTORIZATION", "CRAWLER"])
def test_most_kinds_take_no_file(name):
    with pytest.raises(ParamsError) as refused:
        kinds.get(name).load_file(sys.stdin.buffer, "a.csv", {})
    assert refused.value.field == "file"


def test_importing_kinds_imports_none_of_their_libraries():
    libraries = {"numpy", "httpx", "flint", "openpyxl"}
    code = f"import sys, firmlight_client.kinds; print({libraries} & set(sys.modules))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "set()\n"
    )


def test_echo_gives_back_all_numbers_in_order():
    echo = kinds.get("ECHO")
    params = echo.load({"count": 5, "collect": True})
    partials = [echo.run(payload) for payload in echo.split(params)]
    assert echo.finish(kinds.combine_all(echo, partials[::-1]), params) == {
        "count": 5,
        "sum": 10,
        "values": [0, 1, 2, 3, 4],
    }


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": "3"}, "count"),
        ({"count": 1, "seconds": -1}, "seconds"),
        ({"count": 1, "collect": 1}, "collect"),
    ],
)
def test_a_bad_value_is_refused_by_name(data, field):
    with pytest.raises(ParamsError) as refused:
        kinds.get("ECHO").load(data)
    assert refused.value.field == field
