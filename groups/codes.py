"""Codes that let people into a group: short enough to be read out, long enough not to be guessed."""

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
LENGTH, PART = 12, 4  # 60 bits, in three parts
CODE_MAX = 40  # characters that a reader may make of it with spaces and dashes
_READ_AS = str.maketrans("ILO", "110", " -\t")


def new_code() -> str:
    """A random code such as `7K3M-XQ0D-9VBT`."""
    letters = [secrets.choice(ALPHABET) for _ in range(LENGTH)]
    return "-".join("".join(letters[i : i + PART]) for i in range(0, LENGTH, PART))


def digest(code: str) -> str:
    """What is kept of a code. Case, dashes and spaces do not matter; I and L count as 1, O as 0."""
    plain = code.upper().translate(_READ_AS)
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
