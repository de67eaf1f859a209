"""Each process starts only on data in Redis that it can read, and ends when they become newer.

A newer release may be started while this process runs. The scripts of this one refuse to work from
then on, so nothing is mixed; this ends the process too, and says why.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import structlog
from django.conf import settings
from redis.exceptions import RedisClusterException, RedisError

from tasks.queue import formats

NAME = "data-format"
AWAY = (RedisError, RedisClusterException)  # the second is no RedisError
log = structlog.get_logger(__name__)


def begin(end: Callable[[], None] | None = None) -> None:
    """Bring the data to the format of this program, and watch that it stays so.

    `end` ends the process, in order if that is left out. Raises NewerData, or one of AWAY
    if Redis does not answer.
    """
    formats.adopt()
    watching = threading.Thread(target=_watch, args=[end or _terminate], name=NAME, daemon=True)
    watching.start()


def begin_or_exit(end: Callable[[], None] | None = None) -> None:
    """The same; if it fails, exit with 1 and say why on standard error."""
    try:
        begin(end)
    except (formats.NewerData, *AWAY) as error:
        sys.exit(refusal(error))


def refusal(error: Exception) -> str:
    what = "" if isinstance(error, formats.NewerData) else "Redis cannot be used: "
    return f"Firmlight does not start: {what}{error}"


def kill() -> None:
    """End this process at once."""
    os._exit(1)


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _watch(end: Callable[[], None]) -> None:
    pause = threading.Event()
    while not pause.wait(settings.FORMAT_CHECK_SECONDS):
        try:
            formats.require_known(formats.noted())
        except formats.NewerData as error:
            log.critical("data_of_a_newer_release", reason=str(error))
            end()
            return
        except AWAY:
            continue  # it is away; others say so
