"""What a frame counts as, by what it costs: most of it are the calls to Redis that it leads to.

A plain heartbeat is one frame. Whoever is told at once that nothing came of it has cost as much as
others whose work is accepted, and that is free (`results`).
"""

from __future__ import annotations

from firmlight_client import protocol

HELLO_FRAMES = 20  # it asks the database
CALL_FRAMES = 10  # it asks Redis, often of several groups
LEASES_OF_FRAME = 64  # named in a heartbeat: so many count as a frame


def further(frame: protocol.FromWorker) -> int:
    """Return how many more than one this frame counts as before it is known what comes of it."""
    match frame:
        case protocol.Hello():
            return HELLO_FRAMES - 1
        case protocol.Ready():
            return CALL_FRAMES - 1
        case protocol.Heartbeat():
            return len(frame.leases) // LEASES_OF_FRAME
        case _:
            return 0


REFUSED = CALL_FRAMES - 1  # more than one, for a result, failure or release that is refused
