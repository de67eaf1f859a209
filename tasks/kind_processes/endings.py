"""What the end of a call means: the failures that a child reports, and its exit codes."""

from __future__ import annotations

import signal

import structlog

from firmlight_client import kinds
from firmlight_client.child_process import signal_name
from tasks.kind_processes import wire
from tasks.kind_processes.outcomes import (
    Crashed,
    KindChanged,
    KindRaised,
    OutOfMemory,
    RuleViolated,
    TimedOut,
)
from tasks.kind_processes.watch import Limits

log = structlog.get_logger(__name__)


def failure_of(failed: wire.Failed, kind: str) -> Exception:
    """The outcome that a child reports."""
    match failed.reason:
        case "params":
            error = kinds.ParamsError(failed.message, failed.field)
            vars(error).update(failed.extras)
            return error
        case "broken_rule":
            return RuleViolated(failed.message)
        case "kind_changed":
            return KindChanged(failed.message)
        case "out_of_memory":
            return OutOfMemory(failed.message)
    facts = {"stage": failed.stage, "traceback": failed.traceback}
    log.error("kind_raised", kind=kind, error=failed.name, **facts)
    return KindRaised(failed.message, name=failed.name, **facts)


def death_of(code: int, limits: Limits, errors: str) -> Exception:
    """The outcome of a child that died with this exit code; `errors` ends its standard error."""
    if code == -signal.SIGXCPU:
        message = f"it computed for more than {limits.processor_seconds:g} s"
        return TimedOut(message, lasting=True)
    how = how_it_ended(code)
    log.error("kind_process_crashed", how=how, errors=errors)
    return Crashed(f"its process crashed ({how})")


def how_it_ended(code: int) -> str:
    """The exit code of a process in words, as subprocess counts: a signal is negative."""
    if code >= 0:
        return f"exit code {code}"
    name = signal_name(-code)
    return f"signal {-code}, {name}" if name else f"signal {-code}"
