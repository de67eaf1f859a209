"""`manage.py doctor` on a real system."""

from __future__ import annotations

import json
import subprocess
import sys

from django.conf import settings

PARTS = (
    *("jobs, queue short", "jobs, queue long", "jobs, queue bulk", "jobs, queue sweep"),
    *("kinds", "beat", "web", "web, sockets", "channel layer"),
)


def test_a_system_that_is_up_has_nothing_to_mend(system):
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(
        command, env=system.environment, cwd=settings.BASE_DIR, capture_output=True, text=True
    )
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, [one for one in found.values() if one["level"] == "mend"]
    assert {found[name]["level"] for name in PARTS} == {"ok"}
    assert found["REDIS_URL appendfsync"]["what"] == "always"
