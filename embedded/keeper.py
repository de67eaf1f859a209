"""Supervisor that reacts promptly, and that stops when its parent process is gone.

It is run as a file, in place of `supervisord`. Its standard input is a pipe that the parent holds
open. When the pipe closes, even after a SIGKILL of the parent, it stops everything in order.
"""

import os
import signal
import sys
import threading
from typing import Any

from supervisor import poller
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ServerOptions
from supervisor.states import ProcessStates, SupervisorStates
from supervisor.supervisord import Supervisor

SETTLED = {ProcessStates.RUNNING, ProcessStates.STOPPED, ProcessStates.FATAL}
PROMPT_SECONDS = 0.05


class PromptPoller(poller.Poller):
    """Polls more often while a process is starting or stopping.

    Supervisor itself polls once a second. So a restart would come up to a second late, and every
    step of a stop would take a second. While all processes run, it still polls once a second.
    """

    keeper: Supervisor

    def poll(self, timeout: float) -> Any:
        if not self._settled():
            timeout = min(timeout, PROMPT_SECONDS)
        return super().poll(timeout)

    def _settled(self) -> bool:
        if self.options.mood < SupervisorStates.RUNNING:
            return False
        for group in self.keeper.process_groups.values():
            if any(process.get_state() not in SETTLED for process in group.processes.values()):
                return False
        return True


def stop_with_the_parent() -> None:
    """Wait until the pipe closes, then ask the main thread to stop. Runs in a thread of its own."""
    while os.read(0, 4096):
        pass
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGTERM)


def main(arguments: list[str]) -> None:
    options = ServerOptions()
    options.realize(arguments)
    options.first, options.test = True, False  # what supervisord's own main sets
    options.poller = PromptPoller(options)
    options.poller.keeper = Supervisor(options)
    threading.Thread(target=stop_with_the_parent, daemon=True).start()
    try:
        options.poller.keeper.main()
    except asyncore.ExitNow:
        pass
    finally:
        options.close_httpservers()
        options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1:])
