"""What a slot's process is started with: its limits, and what it may reach.

They hold for the life of a process. For other options another process is started.
"""

from __future__ import annotations

import msgspec

from firmlight_client.memory import MEMORY_MIB

NICE = 10  # below what people run themselves


class SlotOptions(msgspec.Struct, frozen=True):
    """`network`: False for kinds that need none. `hosts`: if any are named, no others."""

    memory_mib: int = MEMORY_MIB  # 0: no limit
    nice: int = NICE
    network: bool = False
    hosts: tuple[str, ...] = ()
    private: bool = False  # also addresses that are not public


def encode(options: SlotOptions) -> str:
    """The options as an argument of a command line."""
    return msgspec.json.encode(options).decode()


def decode(text: str) -> SlotOptions:
    return msgspec.json.decode(text, type=SlotOptions)
