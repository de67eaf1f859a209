"""What a visitor may send, as JSON. Pure: bytes in, a message or an error out."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from firmlight_client.protocol import NullIsDefault, OrNull
from tasks import events

MESSAGE_BYTES_MAX = 4096
PAGE_FRAMES = 20  # that a subscription to a page counts as: all of the page is drawn for it
NOTICES_FRAMES = 5


class MalformedMessage(ValueError):
    """The text is no message of this socket; the error says why."""


class Ask(NullIsDefault, tag_field="type"):
    """A message about a task, a group, or one's own notifications: one of these is named.

    `view` says how it is shown: "" as JSON, "page" as the parts of the page that change.
    """

    task: str | None = None
    group: str | None = None
    notifications: OrNull[bool] = False
    view: OrNull[Literal["", "page"]] = ""

    @property
    def topic(self) -> str:
        """The topic of the channel layer on which changes of this task or group are announced."""
        if self.task:
            return events.task_topic(self.task)
        return events.group_topic(self.group or "")


class Subscribe(Ask, tag="subscribe"):
    """Send snapshots of this task, of each task of this group that changes, or notifications."""

    @property
    def frames(self) -> int:
        """How many frames it counts as, by what the answer costs."""
        if self.notifications:
            return NOTICES_FRAMES
        return PAGE_FRAMES if self.view == "page" else 1


class Unsubscribe(Ask, tag="unsubscribe"):
    """Send no more of it."""

    frames: ClassVar[int] = 1


_decoder = msgspec.json.Decoder(Subscribe | Unsubscribe)


def read(written: bytes) -> Subscribe | Unsubscribe:
    """Decode one message. Raises MalformedMessage."""
    if len(written) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(f"at most {MESSAGE_BYTES_MAX} bytes")
    try:
        message = _decoder.decode(written)
    except msgspec.DecodeError as error:
        raise MalformedMessage(str(error)) from None
    if not (message.task or message.group or message.notifications):
        raise MalformedMessage("name a task or a group, or notifications")
    message.task = canonical(message.task)
    message.group = canonical(message.group)
    return message


def canonical(written: str | None) -> str | None:
    """Return the one spelling of this id that counts; what is no id stays as it is."""
    try:
        return str(UUID(written)) if written else written
    except ValueError:
        return written
