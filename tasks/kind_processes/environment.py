"""The environment variables of a child."""

from __future__ import annotations

import os
import site
from pathlib import Path

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
    found = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    found["HOME"] = found["TMPDIR"] = str(scratch)
    if site.ENABLE_USER_SITE:
        found["PYTHONUSERBASE"] = site.getuserbase()
    # A child is one core: libraries that start a thread for every core get in each other's way.
    found["OMP_NUM_THREADS"] = found["OPENBLAS_NUM_THREADS"] = "1"
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    found["PYTHONUTF8"] = "1"
    return found
