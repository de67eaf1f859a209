"""The frames of `/ws/worker/`: one MessagePack map each, whose `type` says which it is.

`docs/reference/protocol.md` says in words what each frame asks and promises. Times are seconds
unless a name ends in `_ms`. A lease id is opaque to the worker. Unknown fields are ignored, so
fields may be added. In what a worker sends, null in an optional field is the same as leaving it
out: such a field is of the type `OrNull[…]`, or None is its default.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from firmlight_client.text import PRINTABLE, SHOWN

SUBPROTOCOL = "firmlight.worker.v1"
FRAME_MAX_BYTES = 16 * 2**20
LEASES_HELD_MAX = 1024
KINDS_MAX = 256  # of a worker
SECONDS_MAX = 10**9  # 31 years: a duration is a finite number, and fits whatever counts it
MEMORY_MIB_MAX = 2**40
LEASE_SUBTASKS_MAX = 100_000  # of one lease; a server's own limit lies far below
ECHO_MAX = 64  # characters

CLOSE_MALFORMED = 4400  # fatal
CLOSE_BAD_TOKEN = 4401  # fatal
CLOSE_BAD_VERSION = 4426  # fatal
CLOSE_NO_HELLO = (
    1013  # the server heard nothing for too long; not fatal, the network may have stalled
)
CLOSE_TRY_LATER = 1013  # sent too much; not fatal, come back later
CLOSE_TOO_MANY = 4429  # connected too often, or has too many sockets; not fatal, come back later
CLOSE_RESTARTING = 1012  # come back soon; the leases stay yours
FATAL_CLOSES = frozenset({CLOSE_MALFORMED, CLOSE_BAD_TOKEN, CLOSE_BAD_VERSION})

GROUP_KEY_MAX = 64  # characters of a Name, where groups are keys
WORDS_CHARS_MAX = 8192  # of an error, before the server cuts it
WRITTEN_MAX = 128  # characters of what its owner calls a group
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
ShownName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=SHOWN)]
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=PRINTABLE)]
Written = Annotated[str, msgspec.Meta(max_length=WRITTEN_MAX, pattern=PRINTABLE)]
LeaseId = Annotated[str, msgspec.Meta(min_length=1, max_length=96)]
Index = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=SECONDS_MAX)]  # NaN is refused, too
Count = Annotated[int, msgspec.Meta(ge=0)]
Memory = Annotated[int, msgspec.Meta(ge=0, le=MEMORY_MIB_MAX)]
Slots = Annotated[int, msgspec.Meta(ge=0, le=1024)]
Words = Annotated[str, msgspec.Meta(max_length=WORDS_CHARS_MAX)]

T = TypeVar("T")
if TYPE_CHECKING:
    OrNull = Annotated[T, "null"]  # once decoded, the field holds a T
else:

    class OrNull:
        """Beside a T, null may come: `NullIsDefault` puts the default in its place."""

        def __class_getitem__(cls, item: Any) -> Any:
            return item | None


class NullIsDefault(msgspec.Struct):
    """A struct whose optional fields may be null.

    Many languages write a field that was not set as null. It means the same as no field.
    """

    def __post_init__(self) -> None:
        for field in _with_a_default(type(self)):
            if getattr(self, field.name) is None:
                setattr(self, field.name, _default_of(field))


@cache
def _with_a_default(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The optional fields that are never None."""
    fields = msgspec.structs.fields(struct)
    return tuple(field for field in fields if not field.required and field.default is not None)


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


class Frame(msgspec.Struct, tag_field="type", kw_only=True):
    """What all frames share."""


ALL_GROUPS = "*"  # where groups are keys: all that have no key of their own
RULE_FITS_NO_GROUP = (
    "its owner has a rule that fits no group"  # why groups without one of their own get nothing
)


class Consent(NullIsDefault, kw_only=True, omit_defaults=True):
    """What a worker's owner lets it do for a group.

    None, or nothing in a list, is no restriction.
    """

    kinds: Annotated[list[Name], msgspec.Meta(max_length=KINDS_MAX)] | None = None
    slots: Slots | None = None
    memory_mib: Memory | None = None  # of a slot; 0: no limit
    subtask_seconds_max: Seconds | None = None  # only tasks whose subtasks may take no longer
    hours: OrNull[
        Annotated[list[Name], msgspec.Meta(max_length=32)]
    ] = []  # for people: the worker says when it rests
    network: OrNull[Literal["none", "public", "private"]] = "public"
    hosts: OrNull[Annotated[list[Host], msgspec.Meta(max_length=256)]] = []
    on_battery: OrNull[bool] = False  # works then, too
    idle_only: OrNull[bool] = False  # works only while nobody uses the machine
    written: OrNull[Written] = ""  # what its owner calls the group


Resting = Annotated[
    dict[Name, Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]],
    msgspec.Meta(max_length=257),
]


# From the worker


class Hello(Frame, NullIsDefault, tag="hello"):
    """First frame of a connection.

    `kinds` maps kind to version; `leases` names those that the worker still holds.
    """

    name: ShownName
    slots: Annotated[int, msgspec.Meta(ge=1, le=1024)]
    kinds: Annotated[dict[Name, Name], msgspec.Meta(max_length=KINDS_MAX)]
    client_version: Annotated[str, msgspec.Meta(max_length=32, pattern=PRINTABLE)]
    platform: OrNull[Annotated[str, msgspec.Meta(max_length=128, pattern=PRINTABLE)]] = ""
    groups: OrNull[
        Annotated[list[Name], msgspec.Meta(max_length=256)]
    ] = []  # ids or names; empty: every group of its owner
    leases: OrNull[Annotated[list[LeaseId], msgspec.Meta(max_length=LEASES_HELD_MAX)]] = []
    consent: OrNull[
        Annotated[dict[Name, Consent], msgspec.Meta(max_length=257)]
    ] = {}  # group's id or name, or ALL_GROUPS


class Ready(Frame, tag="ready"):
    """How many slots are free now. It replaces what was said before; 0 asks for nothing more.

    `received` counts the leases that came on this connection before it was said: those that were
    under way then take a slot each. Without it the server takes `slots` as they are.
    """

    slots: Slots
    received: Count | None = None
    resting: Resting | None = (
        None  # group's id or name, or ALL_GROUPS -> why it takes nothing now; None: as before
    )


class Heartbeat(Frame, tag="heartbeat"):
    """Renews the leases it names, and those that are still on their way to the worker.

    `received`: as in Ready. With `echo` it is answered with an Echo: a worker that cannot ping, in
    a browser for instance, learns so that the connection holds.
    """

    leases: Annotated[list[LeaseId], msgspec.Meta(max_length=LEASES_HELD_MAX)]
    received: Count | None = None
    echo: Annotated[str, msgspec.Meta(max_length=ECHO_MAX)] | None = None


class Result(Frame, NullIsDefault, tag="result", omit_defaults=True):
    """The combined partial of some subtasks of one lease.

    `ready` is as `slots` of Ready, None leaves what was said before; `received` is as in Ready.
    """

    lease: LeaseId
    subtasks: Annotated[list[Index], msgspec.Meta(min_length=1, max_length=LEASE_SUBTASKS_MAX)]
    partial: bytes  # the kind's partial as MessagePack
    seconds: Seconds  # what its slot computed for these subtasks
    decided: OrNull[bool] = False  # this partial alone settles the task, says the kind
    ready: Slots | None = None
    received: Count | None = None


class Failure(Frame, NullIsDefault, tag="failure", omit_defaults=True):
    """One subtask raised, crashed or ran out of time; it is no longer this worker's.

    `ready` and `received`: as in Result.
    """

    lease: LeaseId
    subtask: Index
    error: Annotated[
        str, msgspec.Meta(max_length=200)
    ]  # ValueError, crashed, timed_out, too_large, …
    message: OrNull[Words] = ""
    traceback: OrNull[Words] = ""  # the last lines
    seconds: OrNull[Seconds] = 0.0
    ready: Slots | None = None
    received: Count | None = None


class Release(Frame, tag="release"):
    """Gives subtasks back undone: no failure, no loss."""

    lease: LeaseId
    subtasks: Annotated[list[Index], msgspec.Meta(min_length=1, max_length=LEASE_SUBTASKS_MAX)]


class Bye(Frame, tag="bye"):
    """The worker leaves now; what it still holds goes to others immediately."""


# From the server


class Welcome(Frame, tag="welcome"):
    """Answer to Hello.

    `leases` names those of Hello that are still this worker's; it drops the others.
    """

    worker: str
    name: str
    heartbeat_seconds: float
    lease_seconds: float
    frame_max_bytes: int
    partial_bytes_max: int
    server_version: str
    leases: list[str] = []
    groups: list[str] = []  # names of the groups it serves now
    owner_groups: dict[str, str] | None = (
        None  # {id: name} of all that its owner is in; None: an older server
    )
    refused_kinds: dict[str, str] = {}  # kind -> the version the server has ("": none)


class Lease(Frame, tag="lease"):
    """Work for one slot: `payloads[i]` (MessagePack) belongs to `subtasks[i]`."""

    lease: str
    task: str
    group: str
    kind: str
    subtasks: list[int]
    payloads: list[bytes]
    subtask_seconds_max: float
    group_name: str = ""


class Accepted(Frame, tag="accepted"):
    """These subtasks' result (or failure, or release) is settled; the worker may forget it."""

    lease: str
    subtasks: list[int]


class Refused(Frame, tag="refused"):
    """Nothing of it was taken. `open` names the lease's subtasks that still can be sent."""

    lease: str
    # done_by_another, unknown_lease, not_in_lease, too_large, task_closed, bad_partial,
    # kind_changed
    reason: str
    open: list[int] = []
    message: str = ""  # what is wrong with a bad partial


class Cancel(Frame, tag="cancel"):
    """Stop these leases; nothing of them is wanted any more."""

    leases: list[str]
    reason: str  # decided, cancelled, paused, lost, done_by_another, not_a_member, …


class Echo(Frame, tag="echo"):
    """Answer to a Heartbeat with `echo`, which comes back as it was."""

    echo: str


class Drain(Frame, tag="drain"):
    """Finish what is held, ask for nothing more, then leave."""

    reason: str = ""


class Error(Frame, tag="error"):
    """What was wrong with the last frame. A fatal one is followed by the close of the socket."""

    code: str
    message: str


FromWorker = Hello | Ready | Heartbeat | Result | Failure | Release | Bye
FromServer = Welcome | Lease | Accepted | Refused | Cancel | Echo | Drain | Error

_encoder = msgspec.msgpack.Encoder()
_from_worker = msgspec.msgpack.Decoder(FromWorker)
_from_server = msgspec.msgpack.Decoder(FromServer)


class MalformedFrame(ValueError):
    """The bytes are no frame of this protocol; the message says where."""


def encode(frame: Frame) -> bytes:
    """One frame as MessagePack."""
    return _encoder.encode(frame)


def _decode(decoder: Any, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from None


def decode_from_worker(data: bytes) -> FromWorker:
    """What the server reads. Raises MalformedFrame."""
    return _decode(_from_worker, data)


def decode_from_server(data: bytes) -> FromServer:
    """What the worker reads. Raises MalformedFrame."""
    return _decode(_from_server, data)
