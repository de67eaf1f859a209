"""The ASGI application: HTTP goes to Django, two kinds of sockets go to Channels.

Our views and middleware are blocking code. Django's own ASGI handler would change threads some
fifteen times per request, twice for each middleware: that takes 8 ms where one change takes 2. So
HTTP goes through WSGI to a pool of threads. `firmlight/serving` has the layers before the threads.
"""

import os
import sys
from typing import Any

import django
from django.core.wsgi import get_wsgi_application

from firmlight import observers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
django.setup()
observers.start()  # before the middleware is loaded, since they add to it
wsgi: Any = get_wsgi_application()  # the stubs do not know that its response iterates bytes

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  apps must be loaded first
from django.conf import settings  # noqa: E402
from django.urls import reverse  # noqa: E402

from core import metrics  # noqa: E402
from core.address_limits import StrangersPerAddress  # noqa: E402
from core.asgi_types import App  # noqa: E402
from core.pacing import Lines, Pace, Refusals  # noqa: E402
from core.spare_time import SpareTime  # noqa: E402
from firmlight.lifespan import lifespan  # noqa: E402
from firmlight.serving import body_bounds  # noqa: E402
from firmlight.serving.bodies import Bodies  # noqa: E402
from firmlight.serving.callers import ADDRESS, Callers  # noqa: E402
from firmlight.serving.fair_share import FIRST_MEAN_SECONDS, FairShare, RequestsPerCaller  # noqa: E402
from firmlight.serving.load_shedding import ConcurrencyLimit  # noqa: E402
from firmlight.serving.outgoing import Outgoing  # noqa: E402
from firmlight.serving.owners import owner_of  # noqa: E402
from firmlight.serving.probes import Probes, alive  # noqa: E402
from firmlight.serving.threads import Threads  # noqa: E402
from firmlight_client import kinds  # noqa: E402
from tasks.routing import websocket_urlpatterns  # noqa: E402

PROBE_THREADS, PROBES_MAX = 2, 20
REFUSAL_SECONDS_MAX = 60.0  # that a request waits to be refused; then its connection is ended
# How long a request's thread may keep the interpreter while the event loop waits for it; Python's
# default is 5 ms. With a thousand simultaneous clients that do not read, probes are answered twice
# as fast.
SWITCH_SECONDS = 0.001

metrics.run_as("web")
sys.setswitchinterval(SWITCH_SECONDS)
kinds.installed()  # import them now, not on the event loop at the first hello
reverse("healthz")  # import all views now: the caller of the first request would pay for it


def http_application() -> App:
    """Layers from the inside out: each of them wraps the one before."""
    outgoing, retry = Outgoing(settings.RESPONSES_BYTES_MAX), settings.BUSY_RETRY_SECONDS
    refusals = Refusals(settings.REFUSALS_PER_SECOND_MAX, REFUSAL_SECONDS_MAX)
    spare_time = SpareTime(settings.SPARE_PROCESSOR_PERCENT_MIN)
    app: App = Threads(wsgi, settings.WEB_THREADS, outgoing)
    app = ConcurrencyLimit(app, settings.WEB_REQUESTS_MAX, retry)
    cookie = settings.SESSION_COOKIE_NAME
    limits = body_bounds.limits()
    app = Bodies(
        app, limits, body_bounds.most, owner_of, session_cookie=cookie, retry_seconds=retry
    )
    app = FairShare(app, lines(), refusals, spare_time)
    app = RequestsPerCaller(app, settings.REQUESTS_PER_ADDRESS_MAX, retry, refusals)
    checks: App = Threads(wsgi, PROBE_THREADS, outgoing, "probe")
    checks = ConcurrencyLimit(checks, PROBES_MAX, retry)
    checks = FairShare(checks, lines(), refusals, spare_time)
    app = Probes(app, FairShare(alive, lines(), refusals, spare_time), checks)
    lookups = settings.LOOKUPS_PER_MINUTE_MAX
    return Callers(app, owner_of, session_cookie=cookie, lookups_per_minute=lookups)


def lines() -> Lines:
    """Return what callers may spend of the processor."""
    share = settings.ADDRESS_PROCESSOR_PERCENT_MAX / 100
    of_address = Pace(share, settings.ADDRESS_PROCESSOR_SECONDS_MAX)
    share = settings.USER_PROCESSOR_PERCENT_MAX / 100
    of_user = Pace(share, settings.USER_PROCESSOR_SECONDS_MAX)

    def pace(caller: str) -> Pace:
        return of_address if caller.startswith(ADDRESS) else of_user

    return Lines(pace, FIRST_MEAN_SECONDS, settings.SHARE_WAIT_SECONDS_MAX)


def websocket_application() -> App:
    retry = settings.BUSY_RETRY_SECONDS
    app: App = URLRouter(websocket_urlpatterns)
    per_minute = settings.STRANGERS_PER_MINUTE_MAX
    pace = Pace(per_minute / 60, per_minute)
    handshakes = Lines(lambda key: pace, 1.0, settings.SHARE_WAIT_SECONDS_MAX)
    refusals = Refusals(settings.REFUSALS_PER_SECOND_MAX, REFUSAL_SECONDS_MAX)
    app = StrangersPerAddress(
        app, settings.CONNECTIONS_PER_ADDRESS_MAX, retry, handshakes, refusals
    )
    return ConcurrencyLimit(app, settings.WEB_SOCKETS_MAX, retry)


application = ProtocolTypeRouter(
    {"http": http_application(), "websocket": websocket_application(), "lifespan": lifespan}
)
