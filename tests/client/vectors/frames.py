"""Vectors of frames: bytes beside the map that they are, in both directions, and refused ones."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.client.vectors import plain

LEASE = "6f1b3f0e-2f0a-4d52-9a4e-0c5a4c1f7d11:0123456789abcdef0123456789abcdef"
GROUP, TASK = LEASE.partition(":")[0], "0b6b1b64-5a0c-4a57-8d8c-5f6a3c1b2d10"
WORKER = "5d7e8a52-3c7f-4a9e-b7f5-2f4f6f0a9c31"
PARTIAL = msgspec.msgpack.encode([2, 7, [3, 4]])

LEAST: dict[str, dict[str, Any]] = {
    "hello": {"name": "tower", "slots": 1, "kinds": {"ECHO": "1"}, "client_version": "0.2.0"},
    "ready": {"slots": 1},
    "heartbeat": {"leases": []},
    "result": {"lease": LEASE, "subtasks": [3, 4], "partial": PARTIAL, "seconds": 0.5},
    "failure": {"lease": LEASE, "subtask": 3, "error": "ValueError"},
    "release": {"lease": LEASE, "subtasks": [3, 4]},
    "bye": {},
}
EVERY_FIELD: dict[str, dict[str, Any]] = {
    "hello": LEAST["hello"]
    | {
        "platform": "Linux, x86-64, Käsebrot",
        "groups": [GROUP],
        "leases": [LEASE],
        "consent": {
            "*": {"kinds": ["ECHO", "MEAN"], "slots": 1, "hours": ["22:00-07:00"]},
            GROUP: {
                "kinds": None,
                "slots": 2,
                "memory_mib": 512,
                "subtask_seconds_max": 60.0,
                "hours": [],
                "network": "none",
                "hosts": [],
                "on_battery": True,
                "idle_only": False,
                "written": "Lab Seven",
            },
        },
    },
    "ready": {"slots": 1, "received": 300, "resting": {"*": "on battery"}},
    "heartbeat": {"leases": [LEASE], "received": 70_000, "echo": "1732983309"},
    "result": LEAST["result"] | {"decided": False, "ready": 1, "received": 1},
    "failure": LEAST["failure"]
    | {
        "message": "no such thing",
        "traceback": "line 1\nline 2",
        "seconds": 1.25,
        "ready": 0,
        "received": 5_000_000_000,
    },
    "release": LEAST["release"],
    "bye": {},
}
FROM_SERVER: dict[str, list[dict[str, Any]]] = {
    "welcome": [
        {
            "worker": WORKER,
            "name": "tower",
            "heartbeat_seconds": 5.0,
            "lease_seconds": 20.0,
            "frame_max_bytes": 16_777_216,
            "partial_bytes_max": 8_388_608,
            "server_version": "0.2.0",
            "leases": [LEASE],
            "groups": ["Lab Seven"],
            "owner_groups": {GROUP: "Lab Seven"},
            "refused_kinds": {"MEAN": "2", "UNHEARD_OF": ""},
        }
    ],
    "lease": [
        {
            "lease": LEASE,
            "task": TASK,
            "group": GROUP,
            "kind": "ECHO",
            "subtasks": [3, 4],
            "payloads": [msgspec.msgpack.encode([number, 0.0, True]) for number in (3, 4)],
            "subtask_seconds_max": 3605.0,
            "group_name": "Lab Seven",
        }
    ],
    "accepted": [{"lease": LEASE, "subtasks": [3, 4]}],
    "refused": [
        {"lease": LEASE, "reason": "done_by_another", "open": [4], "message": ""},
        {
            "lease": LEASE,
            "reason": "bad_partial",
            "open": [],
            "message": "Expected `int`, got `str` - at `$[0]`",
        },
    ],
    "cancel": [{"leases": [LEASE], "reason": "cancelled"}],
    "echo": [{"echo": "1732983309"}],
    "drain": [{"reason": "asked for by its owner"}],
    "error": [{"code": "suspended", "message": "Ask your group's owner."}],
}


def _changed(tag: str, **changes: Any) -> bytes:
    return msgspec.msgpack.encode({"type": tag, **LEAST[tag], **changes})


def _nulls(tag: str, *fields: str) -> tuple[str, str, bytes]:
    return "null in optional fields", tag, _changed(tag, **dict.fromkeys(fields))


def _without(tag: str, field: str) -> bytes:
    fields = {name: value for name, value in LEAST[tag].items() if name != field}
    return msgspec.msgpack.encode({"type": tag, **fields})


# Other bytes that mean the same as the least frame of their type
SAME = [
    ("an unknown field is ignored", "ready", _changed("ready", colour="red")),
    ("the type may come last", "ready", bytes.fromhex("82a5736c6f747301a474797065a57265616479")),
    (
        "a small number in 8 bytes",
        "ready",
        bytes.fromhex("82a474797065a57265616479a5736c6f7473cf0000000000000001"),
    ),
    ("a map with a 32-bit length", "bye", bytes.fromhex("df00000001a474797065a3627965")),
    _nulls("hello", "platform", "groups", "leases", "consent"),
    _nulls("ready", "received", "resting"),
    _nulls("heartbeat", "received", "echo"),
    _nulls("result", "decided", "ready", "received"),
    _nulls("failure", "message", "traceback", "seconds", "ready", "received"),
    ("a default that is written out", "failure", _changed("failure", message="", seconds=0)),
]

# (why, bytes): the server answers with `error` malformed_frame, and closes with 4400
REFUSED = [
    ("nothing", b""),
    ("no MessagePack", b"\xc1"),
    ("a list, not a map", msgspec.msgpack.encode(["bye"])),
    ("a map without type", msgspec.msgpack.encode({"slots": 1})),
    ("an unknown type", msgspec.msgpack.encode({"type": "teapot"})),
    ("a type that only the server sends", msgspec.msgpack.encode({"type": "drain"})),
    ("a frame that is cut off", _changed("ready")[:-1]),
    ("something behind the frame", _changed("bye") + b"\xc0"),
    ("a field that is needed is missing", _without("ready", "slots")),
    ("null in a field that is needed", _changed("ready", slots=None)),
    ("text where a number is due", _changed("ready", slots="1")),
    ("1.0 where an int is due", _changed("ready", slots=1.0)),
    ("less than nothing", _changed("ready", slots=-1)),
    ("more than 1,024 slots", _changed("ready", slots=1025)),
    ("a reason to rest of more than 200 characters", _changed("ready", resting={"*": "x" * 201})),
    ("no slot at all", _changed("hello", slots=0)),
    ("an empty name", _changed("hello", name="")),
    ("a name of more than 64 characters", _changed("hello", name="x" * 65)),
    ("NUL in a name", _changed("hello", name="a\0b")),
    ("a version of more than 32 characters", _changed("hello", client_version="1" * 33)),
    ("a network that does not exist", _changed("hello", consent={"*": {"network": "home"}})),
    ("a lease id of more than 96 characters", _changed("heartbeat", leases=["x" * 97])),
    ("more than 1,024 leases", _changed("heartbeat", leases=["x"] * 1025)),
    ("an echo of more than 64 characters", _changed("heartbeat", echo="x" * 65)),
    ("a result of no subtask", _changed("result", subtasks=[])),
    ("a subtask below 0", _changed("result", subtasks=[-1])),
    ("a partial that is text", _changed("result", partial="x")),
    ("seconds below 0", _changed("result", seconds=-0.5)),
    ("an error of more than 200 characters", _changed("failure", error="x" * 201)),
    ("a message of more than 8,192 characters", _changed("failure", message="x" * 8193)),
    ("a release of nothing", _changed("release", subtasks=[])),
]


def _vector(tag: str, fields: dict[str, Any]) -> dict[str, Any]:
    frame = {"type": tag, **fields}
    return {"frame": plain(frame), "hex": msgspec.msgpack.encode(frame).hex()}


def made() -> dict[str, Any]:
    """The vectors. Whether they are right, the test says."""
    tags = list(LEAST)
    return {
        "from_worker": [_vector(tag, LEAST[tag]) for tag in tags]
        + [_vector(tag, EVERY_FIELD[tag]) for tag in tags if EVERY_FIELD[tag] != LEAST[tag]],
        "from_server": [_vector(tag, one) for tag, all_ in FROM_SERVER.items() for one in all_],
        "same_meaning": [
            {"why": why, "frame": plain({"type": tag, **LEAST[tag]}), "hex": data.hex()}
            for why, tag, data in SAME
        ],
        "malformed": [{"why": why, "hex": data.hex()} for why, data in REFUSED],
    }
