"""Workers that do not keep to the protocol, or keep to it and do nothing."""

from __future__ import annotations

import contextlib
import os
import random
import time
import traceback
from collections.abc import Callable
from uuid import uuid4

from websockets.exceptions import InvalidHandshake, WebSocketException

from firmlight_client import protocol
from tests.support.patient import PatientLab
from tests.support.poison import POISONED
from tests.system.peer import ABNORMAL_CLOSE, Peer

Guest = Callable[[PatientLab, random.Random], None]


def _connect(lab: PatientLab, chance: random.Random, **options: object) -> Peer:
    """With a member's token, but not that of their honest workers: connections of one token are
    counted.
    """
    return Peer(
        lab.url, _token(lab, chance.randrange(3)), f"stranger-{chance.randrange(3)}", **options
    )  # type: ignore[arg-type]


_tokens: dict[tuple[str, int], str] = {}


def _token(lab: PatientLab, person: int) -> str:
    if (lab.group, person) not in _tokens:
        answer = lab.ask("POST", "worker-tokens/", person=person, json={"name": "stranger"})
        _tokens[lab.group, person] = answer.json()["token"]
    return _tokens[lab.group, person]


def _refusal(peer: Peer) -> protocol.Refused:
    """Passing over a cancel: while it lies, another worker may do what it holds."""
    frame = peer.receive()
    while isinstance(frame, protocol.Cancel):
        frame = peer.receive()
    assert isinstance(frame, protocol.Refused), frame
    return frame


def _close_code(peer: Peer) -> int:
    """Raises ConnectionError if the line ended because the server was killed or is without Redis or
    database.
    """
    code, frames = peer.closed_with()
    if code in (ABNORMAL_CLOSE, protocol.CLOSE_RESTARTING):
        raise ConnectionError(f"the server went away: {code} after {frames}")
    return code


def claims_leases_it_never_got(lab: PatientLab, chance: random.Random) -> None:
    with contextlib.closing(_connect(lab, chance)) as peer:
        for lease in (f"{lab.group}:{uuid4().hex}", "nonsense", f"{uuid4()}:{uuid4().hex}"):
            peer.send(
                protocol.Result(lease=lease, subtasks=[0, 1, 2], partial=b"\x90", seconds=1.0)
            )
            assert peer.expect(protocol.Refused).reason == "unknown_lease"


def answers_twice_and_for_others(lab: PatientLab, chance: random.Random) -> None:
    """The subtasks of its lease and some more; then the right ones, two times."""
    with contextlib.closing(_connect(lab, chance)) as peer:
        lease = peer.lease()
        peer.complete(lease, subtasks=[*lease.subtasks, max(lease.subtasks) + 1])
        _refusal(peer)
        peer.complete(lease)
        peer.complete(lease)
        peer.receive(), peer.receive()


def answers_late(lab: PatientLab, chance: random.Random) -> None:
    with contextlib.closing(_connect(lab, chance)) as peer:
        lease = peer.lease()
        time.sleep(peer.welcome.lease_seconds + 1.2)
        peer.complete(lease)
        peer.receive()


def takes_and_never_works(lab: PatientLab, chance: random.Random) -> None:
    with contextlib.closing(_connect(lab, chance, slots=3)) as peer:
        peer.ready(3)
        leases = [peer.expect(protocol.Lease) for _ in range(3)]
        for _ in range(5):
            time.sleep(peer.welcome.heartbeat_seconds)
            peer.send(protocol.Heartbeat(leases=[lease.lease for lease in leases]))
        peer.cut()


def sends_too_much(lab: PatientLab, chance: random.Random) -> None:
    with contextlib.closing(_connect(lab, chance)) as peer:
        lease = peer.lease()
        peer.complete(lease, partial=bytes(peer.welcome.partial_bytes_max + 1))
        assert _refusal(peer).reason == "too_large"
        peer.socket.send(bytes(protocol.FRAME_MAX_BYTES + 1))
        peer.closed_with()


def sends_poisoned_partials(lab: PatientLab, chance: random.Random) -> None:
    """Answers a lease with bytes that are no partial of its kind, and says that they decide the
    task.

    Each must be refused as `bad_partial` with nothing open; the task must go on with other workers
    and succeed. After BAD_PARTIALS_MAX of them the server suspends every worker of that member, the
    honest ones among them, until somebody lets them back; a visit while they are suspended does
    nothing.
    """
    with contextlib.closing(_connect(lab, chance)) as peer:
        peer.ready()
        lease = peer.receive()
        if isinstance(lease, protocol.Error):
            assert lease.code == "suspended", lease
            return
        assert isinstance(lease, protocol.Lease), lease
        peer.complete(lease, partial=chance.choice(list(POISONED.values())), decided=True)
        refused = _refusal(peer)
        assert refused.reason in ("bad_partial", "unknown_lease", "task_closed"), refused
        assert refused.open == []


def talks_nonsense(lab: PatientLab, chance: random.Random) -> None:
    for data in (b"", os.urandom(100), b"\x81\xa4type\xa4what", "words"):
        with contextlib.closing(_connect(lab, chance)) as peer:
            peer.socket.send(data)
            assert _close_code(peer) == protocol.CLOSE_MALFORMED


def comes_and_goes(lab: PatientLab, chance: random.Random) -> None:
    for turn in range(20):
        peer = _connect(lab, chance, hello=turn % 2 == 0)
        if turn % 4 == 0:
            peer.ready()
        peer.cut()
        with contextlib.suppress(OSError, WebSocketException):
            peer.close()


GUESTS: list[Guest] = [
    claims_leases_it_never_got,
    answers_twice_and_for_others,
    answers_late,
    takes_and_never_works,
    sends_too_much,
    talks_nonsense,
    comes_and_goes,
]


def visit(guest: Guest, lab: PatientLab, chance: random.Random) -> str:
    """Let it in; returns "" or what went against expectation. That the server died meanwhile does
    not.
    """
    try:
        guest(lab, chance)
    except AssertionError as error:
        return f"{guest.__name__}: {traceback.format_exception(error)[-2:]}"
    except (OSError, TimeoutError, WebSocketException, InvalidHandshake, protocol.MalformedFrame):
        return ""
    return ""
