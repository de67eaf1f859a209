"""What a process of the server loads before there is anything to do: it is most of a start, and
lies in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys

JOBS = "from firmlight import celery; celery.app.loader.import_default_modules()"
OF_KINDS = {"numpy", "flint", "gmpy2", "httpx", "lxml", "openpyxl", "protego", "ada_url"}
OF_PAGES = {
    "tasks.admin",
    "unfold.admin",
    "rest_framework.views",
    "tasks.api.views",
    "firmlight.urls",
}


def loaded_after(code: str) -> set[str]:
    command = [sys.executable, "-W", "ignore", "-c", f"{code}; import sys; print(*sys.modules)"]
    env = os.environ | {"CELERY_SKIP_CHECKS": "true"}  # what the word --skip-checks sets
    return {
        *subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
    }


def test_web_loads_what_kinds_compute_with_when_something_is_computed() -> None:
    assert not loaded_after("import firmlight.asgi") & OF_KINDS


def test_web_loads_its_pages_before_the_first_request_which_would_be_charged_for_it() -> None:
    assert loaded_after("import firmlight.asgi") >= OF_PAGES


def test_jobs_load_neither_that_nor_what_pages_are_made_of() -> None:
    loaded = loaded_after(JOBS)
    assert "tasks.jobs" in loaded
    assert not loaded & (OF_KINDS | OF_PAGES)
