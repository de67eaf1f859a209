"""PostgreSQL's errors as MongoDB's."""

from __future__ import annotations

import logging

import bson

log = logging.getLogger("gateway")

# SQLSTATE: MongoDB's code and name. M… are DocumentDB's own.
ERRORS = {
    "M0000": (1, "InternalError"),
    "M0001": (2, "BadValue"),
    "M0003": (9, "FailedToParse"),
    "M0004": (14, "TypeMismatch"),
    "M0008": (26, "NamespaceNotFound"),
    "M0009": (27, "IndexNotFound"),
    "M000F": (48, "NamespaceExists"),
    "M000U": (115, "CommandNotSupported"),
    "M001C": (11000, "DuplicateKey"),
    "23505": (11000, "DuplicateKey"),
    "23P01": (11000, "DuplicateKey"),
    "40001": (112, "WriteConflict"),
    "40P01": (112, "WriteConflict"),
    "42P01": (26, "NamespaceNotFound"),
    "55P03": (24, "LockTimeout"),
    "57014": (50, "MaxTimeMSExpired"),
    "0A000": (115, "CommandNotSupported"),
}


class CommandError(Exception):
    """A command that fails; `reply` is what the client gets."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.reply = {"ok": 0.0, "errmsg": message, "code": code, "codeName": name}


def mongo_error(state: str, message: str) -> tuple[int, str, str]:
    """A PostgreSQL error as MongoDB's code, name and message."""
    code, name = ERRORS.get(state, (8, "UnknownError"))
    if code == 8:
        log.warning("SQLSTATE %s: %s", state, message)
    if code == 11000:
        message = f"E11000 duplicate key error: {message}"
    return code, name, message


def sqlstate(packed: int) -> str:
    """The SQLSTATE that PostgreSQL packed into an int32 (MAKE_SQLSTATE)."""
    return "".join(chr(48 + (packed >> shift & 0x3F)) for shift in range(0, 30, 6))


def fix_write_errors(reply: bytes) -> bytes:
    """Give the write errors of a reply their MongoDB codes."""
    if b"writeErrors\0" not in reply:
        return reply
    document = bson.decode(reply)
    for error in document.get("writeErrors", ()):
        state = sqlstate(error["code"])
        error["code"], _, error["errmsg"] = mongo_error(state, error["errmsg"])
    return bson.encode(document)
