"""What a run is asked for, by the environment: CHAOS_MINUTES, CHAOS_SEED, CHAOS_FLUSH=1 (Redis may
be emptied too), CHAOS_COPIES=2 (two processes of each sort, behind a proxy).
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

# Of the test suite: a minute with the start of the system and the last tasks' end, and the same
# faults each time.
MINUTES_IN_SUITE, SEED_IN_SUITE = 0.6, 7


@dataclass(frozen=True)
class Options:
    minutes: float
    seed: int
    flush: bool
    copies: int

    @property
    def seconds(self) -> float:
        return self.minutes * 60


def read() -> Options:
    asked = os.environ.get("CHAOS_MINUTES")
    chosen = SEED_IN_SUITE if asked is None else random.SystemRandom().randrange(10**6)
    return Options(
        minutes=float(asked or MINUTES_IN_SUITE),
        seed=int(os.environ.get("CHAOS_SEED") or chosen),
        flush=os.environ.get("CHAOS_FLUSH") == "1",
        copies=int(os.environ.get("CHAOS_COPIES") or 1),
    )
