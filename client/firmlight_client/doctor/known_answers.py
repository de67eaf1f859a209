"""Known answers: subtasks whose true partials were computed beforehand, on other machines.

They lie in `known_answers.json` beside this file. `python -m tests.client.known_answers` in the
sources writes it; its test proves the answers by other means than the kinds' own code. The inputs
are made for load: numbers with full mantissas, products of large primes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("known_answers.json")
MANTISSA_BITS = 52
EXPONENTS = 0x7FF


class WrongInput(Exception):
    """This machine made other bytes of a recipe than every machine makes."""


class Doubles(msgspec.Struct, forbid_unknown_fields=True):
    """A recipe for packed binary64: sign, mantissa and exponent come of SHAKE-256 of `seed`.

    The exponents, as IEEE 754 stores them, are `exponent_min` to less than `exponent_end`.
    """

    seed: str
    count: int
    exponent_min: int
    exponent_end: int


class Subtask(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A payload, as a value or as a recipe, the digest of its MessagePack, and the true partial."""

    sha256: str
    partial: str  # MessagePack in hex
    value: Any = None
    doubles: Doubles | None = None


class Lease(msgspec.Struct, forbid_unknown_fields=True):
    """Subtasks that a slot gets together; `combined` is their partials in one, in hex."""

    subtasks: list[Subtask]
    combined: str


class Answers(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of one version of a kind. A round takes its leases so many `times`."""

    version: str
    times: int
    leases: list[Lease]


def load() -> dict[str, Answers]:
    """The known answers, by the names of their kinds."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Answers])


def payload(subtask: Subtask) -> bytes:
    """The payload as it travels. Raises WrongInput if its digest is another one."""
    value = made(subtask.doubles) if subtask.doubles else subtask.value
    packed = msgspec.msgpack.encode(value)
    if digest(packed) != subtask.sha256:
        raise WrongInput
    return packed


def digest(packed: bytes) -> str:
    """As the file has it."""
    return hashlib.sha256(packed).hexdigest()


def made(recipe: Doubles) -> bytes:
    """The numbers of a recipe, packed: the same bytes on every machine."""
    import numpy as np

    raw = hashlib.shake_256(recipe.seed.encode()).digest(8 * recipe.count)
    bits = np.frombuffer(raw, "<u8")
    drawn = bits >> np.uint64(MANTISSA_BITS) & np.uint64(EXPONENTS)
    span = np.uint64(recipe.exponent_end - recipe.exponent_min)
    exponents = np.uint64(recipe.exponent_min) + drawn % span
    kept = bits & ~np.uint64(EXPONENTS << MANTISSA_BITS)
    return (kept | exponents << np.uint64(MANTISSA_BITS)).astype("<u8").tobytes()
