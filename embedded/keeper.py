"""Supervisor, made prompt, and ending when whoever started it is gone.

Run as a file, in place of `supervisord`. Its standard input is a pipe that its parent holds open:
at the end of that pipe, even after a SIGKILL of the parent, it stops everything in good order.
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
    """Looks again soon while something is about to happen.

    Supervisor itself looks once a second, so that a death costs a second until the restart, and a
    stop one for every step. When everything runs it still sleeps its second.
    """

    keeper: Supervisor

    def poll(self, timeout: float) -> Any:
        return super().poll(timeout if self._settled() else min(timeout, PROMPT_SECONDS))

    def _settled(self) -> bool:
        if self.options.mood < SupervisorStates.RUNNING:
            return False
        groups = self.keeper.process_groups.values()
        return all(
            process.get_state() in SETTLED
            for group in groups
            for process in group.processes.values()
        )


def stop_with_the_parent() -> None:
    """Wait for the pipe to close, then ask the main thread to stop. Blocks, so it has a thread of
    its own.
    """
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
