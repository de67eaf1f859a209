"""The standing of an owner: how many of their results in a row others have confirmed. Pure.

It is kept for each group, owner, kind and version of the kind; for the whole site it could be
earned in a group of one's own. It decides how often what they compute is computed again by
somebody else, as BOINC's adaptive replication does for each host ("AdaptiveReplication" in BOINC's
documentation). Here it is the owner's, because new workers cost nothing.
"""

from __future__ import annotations

NEWCOMER = 0  # also the standing of whoever was found wrong


def check_probability(agreements: int, trusted: int) -> float:
    """How likely a result of an owner with so many agreements in a row is checked, above 0 to 1.

    Always below `trusted` agreements (STANDING_TRUSTED), then 1 / (1 + agreements): it never
    becomes 0, so nobody earns the right to lie.
    """
    if agreements < trusted:
        return 1.0
    return 1 / (1 + agreements)


def is_checked(agreements: int, trusted: int, draw: float) -> bool:
    """Whether this result is checked; `draw` is a random number from 0 to below 1.

    The server draws it when the result has come, so that nobody knows before.
    """
    return draw < check_probability(agreements, trusted)


def after_agreement(agreements: int, times: int = 1) -> int:
    """The standing after another owner has agreed, so many times."""
    return agreements + times


def after_disagreement() -> int:
    """The standing of an owner who was found wrong, whatever it was before."""
    return NEWCOMER
