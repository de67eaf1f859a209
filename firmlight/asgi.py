"""The ASGI application: HTTP to Django, two kinds of socket to Channels.

Our views and middleware are blocking code. Django's own ASGI handler would change threads some fifteen times for a
request (twice for each middleware; 8 ms where one change takes 2), so HTTP goes to a pool of threads through WSGI.
"""

import asyncio
import os
from typing import Any

import django
from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

from firmlight import observers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
django.setup()
observers.start()  # before the middleware is loaded, which they add to
wsgi: Any = get_wsgi_application()  # to the stubs its response is no iterable of bytes; it is one

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  apps must be loaded first
from django.conf import settings  # noqa: E402

from firmlight import metrics  # noqa: E402
from firmlight.busy import Door  # noqa: E402
from firmlight_client import kinds  # noqa: E402
from tasks.kind_processes import pool  # noqa: E402
from tasks.routing import websocket_urlpatterns  # noqa: E402

metrics.run_as("web")
kinds.installed()  # reads their modules now, not on the event loop at the first hello
http = Door(WSGIMiddleware(wsgi, workers=settings.WEB_THREADS), settings.WEB_REQUESTS_MAX, settings.BUSY_RETRY_SECONDS)


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """uvicorn ends by the signal that stopped it, which no `atexit` outlives: what was counted is written before."""
    while (await receive())["type"] == "lifespan.startup":
        pool.children().warm_up()
        await send({"type": "lifespan.startup.complete"})
    await asyncio.to_thread(metrics.end)
    await send({"type": "lifespan.shutdown.complete"})


websocket = Door(URLRouter(websocket_urlpatterns), settings.WEB_SOCKETS_MAX, settings.BUSY_RETRY_SECONDS)
application = ProtocolTypeRouter({"http": http, "websocket": websocket, "lifespan": lifespan})
