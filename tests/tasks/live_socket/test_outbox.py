"""A slow reader holds up nobody, and is cut off once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tasks.live_socket import outbox as outboxes
from tasks.live_socket.outbox import Outbox


class Reader:
    """What is sent comes here; it `reads` or does not."""

    def __init__(self, reads: bool) -> None:
        self.read, self.cuts = [], 0
        self.may_read = asyncio.Event()
        if reads:
            self.may_read.set()

    async def send(self, text: str) -> None:
        await self.may_read.wait()
        self.read.append(text)

    async def cut_off(self) -> None:
        self.cuts += 1


def reader_after(use: Callable[[Outbox, Reader], Awaitable[None]], *, reads: bool) -> Reader:
    """Use an outbox; returns the reader at its other end."""

    async def run() -> Reader:
        reader = Reader(reads)
        outbox = Outbox(reader.send, reader.cut_off)
        outbox.start()
        await use(outbox, reader)
        outbox.stop()
        return reader

    return asyncio.run(asyncio.wait_for(run(), 5))


async def pause() -> None:
    for _ in range(2 * outboxes.TEXTS_MAX):
        await asyncio.sleep(0)


def test_texts_come_in_their_order() -> None:
    async def use(outbox: Outbox, reader: Reader) -> None:
        for number in range(50):
            outbox.put(str(number))
        await pause()

    reader = reader_after(use, reads=True)
    assert reader.read == [str(number) for number in range(50)]
    assert reader.cuts == 0


def test_a_reader_that_is_too_far_behind_is_cut_off_once_and_gets_nothing_more() -> None:
    async def use(outbox: Outbox, reader: Reader) -> None:
        await pause()
        for number in range(3 * outboxes.TEXTS_MAX):
            outbox.put(str(number))
        await pause()
        reader.may_read.set()
        outbox.put("late")
        await pause()

    reader = reader_after(use, reads=False)
    assert (reader.read, reader.cuts) == ([], 1)


def test_once_it_is_stopped_it_sends_nothing() -> None:
    async def use(outbox: Outbox, reader: Reader) -> None:
        outbox.put("before")
        await pause()
        outbox.stop()
        outbox.put("after")
        await pause()

    assert reader_after(use, reads=True).read == ["before"]
