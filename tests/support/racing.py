"""Several threads that do one thing at the same moment, on real connections of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections


def race(*contestants: Callable[[], Any]) -> list[Any]:
    """What each returned, or the exception that it raised. The test needs `transactional_db`."""
    start = Barrier(len(contestants))

    def run(contestant: Callable[[], Any]) -> Any:
        start.wait(timeout=10)
        try:
            return contestant()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(contestants)) as pool:
        return list(pool.map(run, contestants))
