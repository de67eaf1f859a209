"""The ASGI application: HTTP to Django, two kinds of socket to Channels."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  apps must be loaded first

from firmlight_client import kinds  # noqa: E402
from tasks.routing import websocket_urlpatterns  # noqa: E402

kinds.installed()  # reads their modules now, not on the event loop at the first hello
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
