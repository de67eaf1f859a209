"""What comes as a partial is checked before anything is made of it. No database and no Redis."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from weakref import WeakValueDictionary

from django.conf import settings

from core.errors import Busy
from firmlight_client import kinds
from firmlight_client.kinds.partials import is_scanned
from tasks import kind_keys
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import Crashed, KindChanged, KindStopped

# Counting the values of a kind without `Partial` takes about so many times as long, at worst.
SCANNED_SHARE = 8
TRIES = 2  # a process that checks may die, or the machine may be busy
# Their worker came back with these partials; one that kills the process each time is a bad one.
VISITS_MAX = 3
CRASHES_MAX = 1000  # partials that are remembered


@dataclass(frozen=True)
class Flaw:
    """Why bytes are no partial: the `reason` of the `refused` frame, and a `message` for people."""

    reason: str  # bad_partial, kind_changed
    message: str


class NotChecked(Exception):
    """No process could check it now. The worker keeps its result and comes back with it."""


def may_be_decided(kind_key: str) -> bool:
    """Whether some partial of the kind "NAME@version" alone may settle a task.

    If not, no worker is believed that says so: each could stop the task until everything so far was
    combined.
    """
    kind = kinds.installed().get(kind_keys.name_in(kind_key))
    return kind is not None and type(kind).is_decided is not kinds.Kind.is_decided


def can_prove(kind_key: str) -> bool:
    """Whether the server can tell that a partial of the kind "NAME@version" is right.

    Otherwise a task is decided only when all of it is known.
    """
    kind = kinds.installed().get(kind_keys.name_in(kind_key))
    return kind is not None and kind.proves


async def flaw_in(partial: bytes, kind_key: str, owner: str) -> Flaw | None:
    """Return what is wrong with a partial of the kind "NAME@version". Raises NotChecked.

    A large one is decoded in a child process, of each owner one at a time in this process.
    """
    name, version = kind_keys.split_key(kind_key)
    kind = kinds.installed().get(name)
    if kind is None:
        return Flaw("kind_changed", f"The server no longer has {name}.")
    if kind.version != version:
        return Flaw("kind_changed", f"The server has {name} {kind.version} now.")
    inline_bytes_max = settings.PARTIAL_INLINE_BYTES_MAX
    if is_scanned(type(kind)):
        inline_bytes_max //= SCANNED_SHARE
    if len(partial) > inline_bytes_max:
        turn = _turns.setdefault(owner, asyncio.Lock())
        async with turn:
            return await _flaw_in_large(partial, kind, owner)
    try:
        kinds.decode_partial(kind, partial)
    except kinds.BadPartial as error:
        return Flaw("bad_partial", str(error))
    return None


_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by owner


_crashes: Counter[str] = Counter()  # by owner and digest: visits on which each try crashed


async def _flaw_in_large(partial: bytes, kind: kinds.Kind, owner: str) -> Flaw | None:
    crashes = 0
    for _ in range(TRIES):
        try:
            wrong = await calls.check_partial(kind, partial)
        except KindChanged as changed:
            return Flaw("kind_changed", str(changed))
        except KindStopped as stopped:
            if stopped.lasting:  # it takes more memory or time than any partial should
                return Flaw("bad_partial", str(stopped))
            crashes += isinstance(stopped, Crashed)
        except Busy:
            continue
        else:
            return Flaw("bad_partial", wrong) if wrong else None
    if crashes == TRIES and _crashed_on_each_visit(partial, owner):
        return Flaw("bad_partial", "the process that checks it died each time")
    raise NotChecked


def _crashed_on_each_visit(partial: bytes, owner: str) -> bool:
    """Count one more visit of a partial that killed the process, and say whether that is enough.

    Otherwise its worker would come back with it for ever.
    """
    if len(_crashes) >= CRASHES_MAX:
        _crashes.clear()
    key = f"{owner} {hashlib.sha256(partial).hexdigest()}"
    _crashes[key] += 1
    return _crashes[key] >= VISITS_MAX
