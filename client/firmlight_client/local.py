"""A kind run in this process, without any server: split, run, combine, finish, with everything packed as on its way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from firmlight_client.kinds import Kind, combine_all

FAN = 64  # partials that are kept before they are combined


def carried(value: Any) -> Any:
    """What arrives of a payload or a partial. Raises TypeError, ValueError or OverflowError for what cannot travel."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


def run_here(kind: Kind, params: Any, told: Callable[[int], None] = lambda done: None) -> Any:
    """The result for params that `kind.load` or `load_file` made. `told` hears how many subtasks are done."""
    partials = list[Any]()
    for done, partial in enumerate(_partials(kind, params), 1):
        partials.append(partial)
        told(done)
        if len(partials) == FAN:
            partials = [carried(combine_all(kind, partials))]
        if kind.is_decided(partial):
            break
    return json.loads(json.dumps(kind.finish(combine_all(kind, partials), params), allow_nan=False))


def _partials(kind: Kind, params: Any) -> Iterator[Any]:
    for payload in kind.split(params):
        yield carried(kind.run(carried(payload)))
