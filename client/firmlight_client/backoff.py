"""How long to wait before the next try: exponential, with full jitter.

"Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): after an outage all workers come
back, and full jitter spreads them best.
"""

from __future__ import annotations

import random

from firmlight_client.protocol import CLOSE_TOO_MANY

# A restarting server is back soon, and thousands of workers must not reconnect at one moment.
FIRST_SECONDS = (0.05, 0.3)
BASE_SECONDS, CAP_SECONDS = 0.5, 30.0
TOO_MANY_SECONDS_MIN = 30.0  # after a refusal for connecting too often


def wait_seconds(attempt: int, chance: random.Random) -> float:
    """Before try number `attempt`, 0-based."""
    if attempt == 0:
        return chance.uniform(*FIRST_SECONDS)
    return chance.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2 ** min(attempt, 10)))


def wait_seconds_after(code: int, attempt: int, chance: random.Random) -> float:
    """As `wait_seconds`, after a close with this code.

    Workers that are refused together for connecting too often must not come back together.
    """
    if code == CLOSE_TOO_MANY:
        return chance.uniform(TOO_MANY_SECONDS_MIN, 2 * TOO_MANY_SECONDS_MIN)
    return wait_seconds(attempt, chance)
