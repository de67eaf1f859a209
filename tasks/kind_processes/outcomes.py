"""How a call of a kind can end without a value."""

from __future__ import annotations

from core.errors import Busy


class KindFault(Exception):
    """The kind gave no value; the message is for people.

    `lasting` says that another try would end the same way.
    """

    lasting = True


class KindRaised(KindFault):
    """The kind raised an exception other than ParamsError.

    `name` is the exception's class, `stage` the method of the kind that was running.
    """

    def __init__(self, message: str, *, name: str, stage: str = "", traceback: str = "") -> None:
        super().__init__(message)
        self.name, self.stage, self.traceback = name, stage, traceback


class RuleViolated(KindFault):
    """What the kind made exceeds our limits; the message says which."""


class KindChanged(KindFault):
    """The child has another version of this kind, or none.

    A package was changed while the server was running.
    """


class KindStopped(KindFault):
    """It exceeded a limit, or its process died."""


class TimedOut(KindStopped):
    """It exceeded its processor time or its wall-clock time.

    Only the first is lasting: by the clock, the machine may just have been busy.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


class OutOfMemory(KindStopped):
    """It exceeded KIND_MEMORY_MIB."""


class Crashed(KindStopped):
    """Its process died. This is not lasting, because the system may have killed it."""

    lasting = False


class NotWanted(Exception):
    """The caller's `wanted` returned False during the call; the process was killed."""


class CannotStart(Busy):
    """Processes that run kinds do not start on this machine: the log says why."""

    message = "The server cannot read inputs just now: try again in a few seconds."
