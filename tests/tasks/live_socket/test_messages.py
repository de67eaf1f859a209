"""What a visitor may send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.live_socket import messages
from tasks.live_socket.messages import MalformedMessage, Subscribe, Unsubscribe


def test_a_task_a_group_or_notifications_can_be_subscribed_to() -> None:
    assert messages.read(b'{"type": "subscribe", "task": "t"}') == Subscribe(task="t")
    assert messages.read(b'{"type": "unsubscribe", "group": "g", "view": "page"}') == Unsubscribe(
        group="g", view="page"
    )
    assert messages.read(b'{"type": "subscribe", "notifications": true}').notifications


def test_a_task_and_a_group_have_topics_of_their_own() -> None:
    assert Subscribe(task="x").topic != Subscribe(group="x").topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type": "subscribe"}',
        '{"type": "subscribe", "task": ""}',
        '{"type": "publish", "task": "t"}',
        '{"type": "subscribe", "task": 1}',
        '{"type": "subscribe", "task": "t", "view": "else"}',
        '{"type": "subscribe", "task": "' + "t" * messages.MESSAGE_BYTES_MAX + '"}',
        # Fewer characters than bytes are allowed, and more bytes
        '{"type": "subscribe", "task": "' + "\U0001f600" * (messages.MESSAGE_BYTES_MAX // 2) + '"}',
    ],
)
def test_all_else_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        messages.read(text.encode())


@given(st.text())
def test_whatever_comes_is_a_message_or_malformed(text: str) -> None:
    try:
        found = messages.read(text.encode())
    except MalformedMessage as error:
        assert str(error)
    else:
        assert found.task or found.group or found.notifications


def test_null_is_as_if_it_were_left_out() -> None:
    text = '{"type": "subscribe", "task": "t", "group": null, "notifications": null, "view": null}'
    assert messages.read(text.encode()) == Subscribe(task="t")
