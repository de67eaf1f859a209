"""The memory that a slot may take: who wants more fails alone, and the slot goes on."""

from __future__ import annotations

import asyncio
import sys

import psutil
import pytest

from firmlight_client.memory import MEMORY_MIB_MIN
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.processes import Death, SlotEvent
from firmlight_client.worker.slot.slot_options import SlotOptions
from tests.client.worker.slot.test_child import Driver, driving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps the limit")

MIB = 2**20
LIMIT = f"it needed more than {MEMORY_MIB_MIN} MiB"


def failures_of(events: list[SlotEvent]) -> list[wire.Raised]:
    return [event for event in events if isinstance(event, wire.Raised)]


def resident_mib(driver: Driver) -> float:
    assert driver.slot.process
    return psutil.Process(driver.slot.process.pid).memory_info().rss / MIB


@pytest.mark.parametrize("bite_bytes", [1000 * MIB, 10 * MIB, 10_000, 40])
def test_who_eats_too_much_fails_alone_and_the_slot_lives_on(bite_bytes: int) -> None:
    async def scenario() -> None:
        async with driving(options=SlotOptions(MEMORY_MIB_MIN)) as driver:
            process = driver.slot.process
            events, whole = await driver.run(["give", 1], ["eat", bite_bytes], ["give", 2])
            (failure,) = failures_of(events)
            assert (failure.position, failure.error, failure.message) == (1, "MemoryError", LIMIT)
            if bite_bytes >= 10_000:  # with smaller bites nothing may be left to note the line
                assert ", in eat\n    eaten.append(bytearray(bite_bytes))\n" in failure.traceback
            assert failure.traceback.endswith("\nMemoryError\n")
            assert whole == [1, 2]
            assert driver.slot.process is process
            assert resident_mib(driver) < 150
            assert (await driver.run(["give", 3]))[1] == [3]

    asyncio.run(scenario())


def test_memory_that_hangs_on_the_cause_of_an_error_is_freed_too() -> None:
    async def scenario() -> None:
        async with driving(options=SlotOptions(MEMORY_MIB_MIN)) as driver:
            process = driver.slot.process
            events, whole = await driver.run(
                ["eat_and_hide_it", 1000], ["large", 50_000], ["give", 2]
            )
            (failure,) = failures_of(events)
            assert (failure.error, failure.message) == ("ValueError", "no room for the answer")
            assert whole[1] == 2
            assert driver.slot.process is process

    asyncio.run(scenario())


def test_a_slot_whose_memory_was_kept_by_a_kind_is_replaced_to_nobodys_blame() -> None:
    async def scenario() -> None:
        async with driving(options=SlotOptions(MEMORY_MIB_MIN)) as driver:
            events, _ = await driver.run(["give", 1], ["eat_and_keep_it", 1000], ["give", 2])
            (failure,), death = failures_of(events), events[-1]
            assert (failure.position, failure.error) == (1, "MemoryError")
            assert isinstance(death, Death)
            assert death.position == wire.IDLE
            await driver.next(wire.Started)
            assert (await driver.run(["give", 2]))[1] == [2]

    asyncio.run(scenario())


def test_foreign_code_that_dies_of_it_has_crashed() -> None:
    async def scenario() -> None:
        async with driving(options=SlotOptions(MEMORY_MIB_MIN)) as driver:
            events, _ = await driver.run(["give", 1], ["eat_outside_python", MIB])
            death = events[-1]
            assert isinstance(death, Death)
            assert (death.error, death.position) == ("crashed", 1)
            await driver.next(wire.Started)

    asyncio.run(scenario())


@pytest.mark.parametrize("memory_mib", [MEMORY_MIB_MIN, 0])
def test_numpy_works_under_the_smallest_limit(memory_mib: int) -> None:
    async def scenario() -> None:
        async with driving(options=SlotOptions(memory_mib)) as driver:
            assert (await driver.run(["multiply", 1000]))[1] == [1e9]

    asyncio.run(scenario())


def test_without_a_limit_more_can_be_taken() -> None:
    async def scenario() -> None:
        async with driving(options=SlotOptions(0)) as driver:
            events, _ = await driver.run(["large", 2 * MEMORY_MIB_MIN * MIB])
            (failure,) = failures_of(events)
            assert failure.error == "too_large"  # to send, but not to have

    asyncio.run(scenario())
