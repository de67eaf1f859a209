"""What a web process does before its first request, and after its last (ASGI's lifespan)."""

from __future__ import annotations

import asyncio
from typing import Any

from core import metrics
from firmlight import format_watch
from tasks.kind_processes import pool
from tasks.queue.formats import NewerData


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Write the metrics at shutdown: uvicorn ends by the signal, so `atexit` does not run."""
    while (await receive())["type"] == "lifespan.startup":
        try:
            await asyncio.to_thread(format_watch.begin)
        except (NewerData, *format_watch.AWAY) as error:
            await send({"type": "lifespan.startup.failed", "message": format_watch.refusal(error)})
            return
        pool.children().warm_up()
        await send({"type": "lifespan.startup.complete"})
    await asyncio.to_thread(metrics.end)
    await send({"type": "lifespan.shutdown.complete"})
