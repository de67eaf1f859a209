"""`firmlight` in this process: the console script's own `main`, without the start of a Python each
time.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

import pytest

from firmlight_client import cli


def firmlight(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """What it would say and exit with. An exception that `main` lets through goes through here,
    too.
    """
    out, errors, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(sys, "argv", ["firmlight", *words])
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), errors.getvalue())
