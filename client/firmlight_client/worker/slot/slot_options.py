"""What a slot's process is started with: its limits, and what it may reach. Another mode is another
process.
"""

from __future__ import annotations

import msgspec

from firmlight_client.memory import MEMORY_MIB

NICE = 10  # below what people run themselves


class Mode(msgspec.Struct, frozen=True):
    """`network`: False for kinds that declare none. `hosts`: the only ones it may reach, if any are
    named.
    """

    memory_mib: int = MEMORY_MIB  # 0: no limit
    nice: int = NICE
    network: bool = False
    hosts: tuple[str, ...] = ()
    private: bool = False  # also addresses that are not public


def encode(mode: Mode) -> str:
    return msgspec.json.encode(mode).decode()


def decode(text: str) -> Mode:
    return msgspec.json.decode(text, type=Mode)
