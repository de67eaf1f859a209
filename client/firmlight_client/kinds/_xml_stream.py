"""XML read from a stream by expat, in constant memory.

It builds no tree and takes no entities, no endless nesting and no endless token.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

BLOCK_BYTES = 2**16
# Of one tag or comment. Before version 2.6, expat reads it again with each block.
TOKEN_BYTES_MAX = 2**19
DEPTH_MAX = 32  # a sheet needs six; expat remembers each element that is open
TEXT_CHARS_MAX = 40_000  # a cell allows 32,767


class TooLarge(Exception):
    """It has more than it may; the message says of what."""


class XmlStream(ABC):
    """Elements come by their local names, without a prefix, and attributes with it."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.depth = 0
        self._local_names: dict[str, str] = {}
        self._text: list[str] = []
        self._text_chars = 0

    def feed(self, source: IO[bytes]) -> Iterator[None]:
        """Parse `source`; each step parses a block. Raises TooLarge and expat.ExpatError."""
        fed = 0
        while block := source.read(BLOCK_BYTES):
            self.parser.Parse(block)
            fed += len(block)
            if fed - self.parser.CurrentByteIndex > TOKEN_BYTES_MAX:
                raise TooLarge(
                    f"a tag or a comment in it has more than {TOKEN_BYTES_MAX // 2**10} KiB"
                )
            yield
        self.parser.Parse(b"", True)
        yield

    def parse(self, source: IO[bytes]) -> None:
        """Parse all of `source`."""
        for _ in self.feed(source):
            pass

    def listen(self) -> None:
        """Gather the text from here on, until `heard` is called."""
        self._text, self._text_chars = [], 0
        self.parser.CharacterDataHandler = self._hear

    def heard(self) -> str:
        self.parser.CharacterDataHandler = None
        return "".join(self._text)

    @abstractmethod
    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    @abstractmethod
    def end(self, name: str) -> None: ...

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise TooLarge("its elements are nested too deeply")
        self.start(self._local_names.get(name) or self._local(name), attributes)

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.end(self._local_names.get(name) or self._local(name))

    def _local(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self._local_names) < 1000:
            self._local_names[name] = local
        return local

    def _hear(self, text: str) -> None:
        self._text_chars += len(text)
        if self._text_chars > TEXT_CHARS_MAX:
            raise TooLarge(f"a cell has more than {TEXT_CHARS_MAX:,} characters")
        self._text.append(text)

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type")
