"""How a call of a kind can end without a value."""

from __future__ import annotations

from core.errors import Busy


class KindFault(Exception):
    """The kind gave no value. The message is for people; `lasting`: another try would end the same
    way.
    """

    lasting = True


class KindRaised(KindFault):
    """An exception other than ParamsError. `name` is its class, `stage` what was being done, in the
    kind's words.
    """

    def __init__(self, message: str, *, name: str, stage: str = "", traceback: str = "") -> None:
        super().__init__(message)
        self.name, self.stage, self.traceback = name, stage, traceback


class RuleViolated(KindFault):
    """What the kind made is beyond our limits; the message says which."""


class KindChanged(KindFault):
    """The child has another version of this kind, or none: a package was changed under a running
    server.
    """


class KindStopped(KindFault):
    """It went past a limit, or its process died."""


class TimedOut(KindStopped):
    """Past its processor time, or (not lasting: the machine may have been busy) past its wall-clock
    time.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


class OutOfMemory(KindStopped):
    """Past KIND_MEMORY_MIB."""


class Crashed(KindStopped):
    """Its process died. Not lasting: the system may have killed it."""

    lasting = False


class NotWanted(Exception):
    """The caller's `wanted` said so while the call was under way; its process was killed."""


class CannotStart(Busy):
    """Processes that run kinds do not start on this machine: the log says why."""

    message = "The server cannot read inputs just now: try again in a few seconds."
