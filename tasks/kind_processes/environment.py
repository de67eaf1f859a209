"""The environment variables of a child."""

from __future__ import annotations

import os
from pathlib import Path

from firmlight_client.child_process import child_environment

ROOT = Path(__file__).resolve().parents[2]

# Where programs, libraries and certificates lie, the language, and whether Python may write beside
# the program's files. Nothing else of the server's environment, which holds secrets.
KEPT_VARIABLES = (
    "PATH",
    "LD_LIBRARY_PATH",
    "FIRMLIGHT_EMBEDDED_VAR",
    "LANG",
    "LC_ALL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)


def environment(scratch: Path) -> dict[str, str]:
    """What a child gets that works in the folder `scratch`."""
    path = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    return child_environment(scratch, KEPT_VARIABLES) | {"PYTHONPATH": os.pathsep.join(path)}
