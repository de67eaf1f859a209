"""Codes of links to join a group: short enough to read out, too long to guess."""

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, without I, L, O, U
LENGTH, PART = 12, 4  # 60 bits, in three parts
CODE_MAX = 40  # characters of a code as people may type it, with spaces and dashes
_READ_AS = str.maketrans("ILO", "110", " -\t")


def new_code() -> str:
    """A random code such as `7K3M-XQ0D-9VBT`."""
    letters = [secrets.choice(ALPHABET) for _ in range(LENGTH)]
    return "-".join("".join(letters[i : i + PART]) for i in range(0, LENGTH, PART))


def digest(code: str) -> str:
    """What is stored of a code. Case, dashes and spaces do not matter; I and L are 1, O is 0."""
    plain = code.upper().translate(_READ_AS)
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
