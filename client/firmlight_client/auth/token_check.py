"""Whether the server lets a worker in with a token: the only way to try one that can only work."""

from __future__ import annotations

import contextlib

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from firmlight_client import protocol
from firmlight_client.addresses import proxy_for, websocket_url
from firmlight_client.errors import ConnectionFailed, FirmlightClientError
from firmlight_client.text import one_line

SECONDS_MAX = 10.0
# What the server answers to a token that it takes, if no hello follows.
LOGGED_IN = {"unexpected_frame", "no_hello"}


class TokenRefused(FirmlightClientError):
    """The server refuses this token."""


def check(url: str, token: str) -> None:
    """Connect as a worker does, but say `bye` where a hello is due, and read the answer.

    A server that takes the token answers that the frame is unexpected; one that does not has said
    so before. No worker appears, and none that is connected is disturbed. Raises TokenRefused and
    ConnectionFailed.
    """
    try:
        frame = _answer_to_bye(url, token)
    except (OSError, WebSocketException, protocol.MalformedFrame) as error:
        why = one_line(str(error)) or type(error).__name__
        raise ConnectionFailed(
            f"{url} cannot be reached by WebSocket: {why}. A proxy in between must let "
            "WebSockets through."
        ) from error
    if isinstance(frame, protocol.Error) and frame.code in LOGGED_IN:
        return
    words = frame.message if isinstance(frame, protocol.Error) else type(frame).__name__
    raise TokenRefused(one_line(words))


def _answer_to_bye(url: str, token: str) -> protocol.FromServer:
    with connect(
        websocket_url(url, "/ws/worker/"),
        subprotocols=[Subprotocol(protocol.SUBPROTOCOL)],
        additional_headers={"Authorization": f"Bearer {token}"},
        compression=None,
        open_timeout=SECONDS_MAX,
        close_timeout=SECONDS_MAX,
        proxy=proxy_for(url),
    ) as connection:
        with contextlib.suppress(ConnectionClosed):  # it may have refused the token already
            connection.send(protocol.encode(protocol.Bye()))
        return protocol.decode_from_server(connection.recv(SECONDS_MAX, decode=False))
