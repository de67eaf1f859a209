"""Vectors of the built-in kinds, each step by the kind's own code.

They are split, run, combined, decided and finished, and bytes that are no partial are refused.
"""

from __future__ import annotations

import struct
from typing import Any
from unittest.mock import patch

import msgspec

from firmlight_client import kinds
from firmlight_client.kinds import Kind, _crawl
from firmlight_client.kinds._public_http import Answer
from tests.client.vectors import plain

encode = msgspec.msgpack.encode
NUMBERS = [1.0, 2.5, -4e3, 0.1, -0.0, 5e-324, 1.7976931348623157e308]
WEB: dict[str, dict[str, Any]] = {
    "http://site.example/robots.txt": {
        "status": 200,
        "type": "text/plain",
        "body": "User-agent: *\nCrawl-delay: 0\nDisallow: /private\n",
    },
    "http://site.example/": {
        "status": 200,
        "type": "text/html",
        "body": "<title> Home  page </title><a href='b#x'>b</a> <a href='/private'>p</a>"
        " <a href='http://other.example/'>o</a> <a href='/gone'>g</a>",
    },
    "http://site.example/b": {
        "status": 200,
        "type": "text/html",
        "body": "<title>Käse</title><a href='/'>home</a>",
    },
}


class Web:
    """In place of the network: what is in WEB is there, and nothing else."""

    until = float("inf")

    def __init__(self, **_: Any) -> None:
        pass

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, url: Any, **_: Any) -> Answer:
        page = WEB.get(str(url), {"status": 404, "type": "text/html", "body": ""})
        return Answer(page["status"], page["type"], "utf-8", None, page["body"].encode())


PARAMS: dict[str, list[dict[str, Any]]] = {
    "ECHO": [{"count": 3}, {"count": 3, "collect": True}],
    "FACTORIZATION": [
        {"number": "97"},
        {"number": "720720"},
        {"number": "1000000016000000063"},
    ],
    "MEAN": [{"numbers": [1, 2.5, -4e3]}],
    "CRAWLER": [
        {"urls": ["http://site.example/", "http://site.example/b"], "limit": 2},
    ],
    "FACTORIZATION[]": [{"calls": [{"number": "91"}, {"number": "1000000016000000063"}]}],
    "MEAN[]": [{"calls": [{"numbers": [1, 2]}, {"numbers": [0.5]}]}],
}
# Payloads beyond those of PARAMS: corners
PAYLOADS: dict[str, list[Any]] = {
    "MEAN": [
        struct.pack("<7d", *NUMBERS),
        struct.pack("<1d", -0.0),
        struct.pack("<2d", -1e-300, 1e-300),
        struct.pack("<100d", *range(100)),
    ],
    "FACTORIZATION": [
        ["1000000016000000063", "trial", 0, 1000],
        ["1022117", "trial", 0, 1009],
        ["1000000016000000063", "curves", 6, 5, 2000],
        ["1022117", "complete"],
    ],
}
# Pairs to combine beyond those that come of PARAMS
COMBINED: dict[str, list[tuple[Any, Any]]] = {
    "FACTORIZATION": [
        ([["720720", 1]], [["7", 1], ["102960", 1]]),
        ([["12", 1], ["60060", 1]], [["18", 1], ["40040", 1]]),
    ],
}
# Pairs of PAYLOADS of which the partials are combined, by their places
RUN_AND_COMBINED: dict[str, list[tuple[int, int]]] = {"MEAN": [(0, 3), (1, 3), (2, 2)]}
# (kind, why, partial): `refused` with bad_partial
REFUSED: list[tuple[str, str, bytes]] = [
    ("ECHO", "nothing", b""),
    ("ECHO", "cut off", b"\x93\x01"),
    ("ECHO", "something behind it", encode([1, 0, []]) + b"\xc0"),
    ("ECHO", "one element too few", encode([1, 0])),
    ("ECHO", "text where a number is due", encode(["1", 0, []])),
    ("ECHO", "a count of 0", encode([0, 0, []])),
    ("FACTORIZATION", "numbers, not decimal strings", encode([[7, 1]])),
    ("FACTORIZATION", "a leading zero", encode([["07", 1]])),
    ("FACTORIZATION", "an exponent of 0", encode([["7", 0]])),
    ("FACTORIZATION", "an empty list", encode([])),
    ("MEAN", "NaN", encode([1, b"\0", b"\0", float("nan"), 1.0, [0, 0, [1]]])),
    ("MEAN", "an empty sum", encode([1, b"", b"\0", 0.0, 0.0, [0, 0, [1]]])),
    ("MEAN", "65 bins", encode([1, b"\0", b"\0", 0.0, 0.0, [0, 0, [1] * 65]])),
    ("CRAWLER", "a number below 0", encode([[-1, {"url": "u", "pages": [], "errors": []}]])),
    (
        "CRAWLER",
        "a title that is missing",
        encode(
            [[0, {"url": "u", "pages": [{"url": "u", "status": 200, "links": []}], "errors": []}]]
        ),
    ),
    ("FACTORIZATION[]", "a partial without its place", encode([[["7", 1]]])),
]


def _shown(value: Any) -> dict[str, Any]:
    """A value that travels: as MessagePack, and as JSON says it."""
    data = encode(value)
    return {"value": plain(msgspec.msgpack.decode(data)), "hex": data.hex()}


def _partial(kind: Kind, value: Any) -> Any:
    return kinds.carried_partial(kind, value)


def _whole(kind: Kind, data: dict[str, Any]) -> dict[str, Any]:
    """One input from its params to its result."""
    params = kind.load(data)
    payloads = [kinds.carried(payload) for payload in kind.split(params)]
    partials = [_partial(kind, kind.run(payload)) for payload in payloads]
    together = _partial(kind, kinds.combine_all(kind, partials))
    return {
        "params": plain(data),
        "payloads": [_shown(payload) for payload in payloads],
        "partials": [_shown(partial) for partial in partials],
        "combined": _shown(together),
        "decided": [kind.is_decided(partial, params) for partial in partials],
        "result": plain(kind.finish(together, params)),
    }


def _run(kind: Kind, payload: Any) -> dict[str, Any]:
    partial = _partial(kind, kind.run(kinds.carried(payload)))
    return {
        "payload": _shown(payload),
        "partial": _shown(partial),
        "decided": kind.is_decided(partial, None),
    }


def _combine(kind: Kind, a: Any, b: Any) -> dict[str, Any]:
    one, other = _partial(kind, a), _partial(kind, b)
    both = _partial(kind, kind.combine(one, other))
    return {"a": _shown(one), "b": _shown(other), "combined": _shown(both)}


def _of(name: str) -> dict[str, Any]:
    kind = kinds.get(name)
    payloads = PAYLOADS.get(name, [])
    pairs = COMBINED.get(name, []) + [
        (kind.run(payloads[a]), kind.run(payloads[b])) for a, b in RUN_AND_COMBINED.get(name, [])
    ]
    return {
        "version": kind.version,
        "tasks": [_whole(kind, data) for data in PARAMS[name]],
        "run": [_run(kind, payload) for payload in payloads],
        "combine": [_combine(kind, a, b) for a, b in pairs],
        "bad_partials": [
            {"why": why, "hex": data.hex()} for of, why, data in REFUSED if of == name
        ],
    }


def made() -> dict[str, Any]:
    """The vectors of each kind, and the pages that CRAWLER finds."""
    unhurried = patch.object(_crawl._pace, "wait", lambda *_: None)
    with patch.object(_crawl, "Http", Web), unhurried:
        return {"web": WEB, "kinds": {name: _of(name) for name in PARAMS}}
