"""Every socket address of the server."""

from channels.auth import AuthMiddlewareStack
from django.urls import path

from tasks.live_socket.consumer import LiveConsumer
from tasks.worker_socket.consumer import WorkerConsumer

websocket_urlpatterns = [
    path("ws/worker/", WorkerConsumer.as_asgi()),
    path("ws/live/", AuthMiddlewareStack(LiveConsumer.as_asgi())),
]
