"""A result that an earlier run could not deliver, as the spool gives it back to the brain."""

from __future__ import annotations

import msgspec

from firmlight_client import protocol


class KeptResult(msgspec.Struct, array_like=True):
    """A result, as the `frame` that is sent, and what must be known of its lease."""

    lease: str
    task: str
    group: str
    group_name: str
    kind: str
    frame: bytes

    @property
    def result(self) -> protocol.Result:
        frame = protocol.decode_from_worker(self.frame)
        assert isinstance(frame, protocol.Result)
        return frame

    @property
    def lease_frame(self) -> protocol.Lease:
        """The lease, without its subtasks: their payloads were not kept."""
        return protocol.Lease(
            lease=self.lease,
            task=self.task,
            group=self.group,
            group_name=self.group_name,
            kind=self.kind,
            subtasks=[],
            payloads=[],
            subtask_seconds_max=0.0,
        )
