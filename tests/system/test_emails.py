"""The links that people are sent, where letters end up: in a file each, or on the console of the
jobs.
"""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from embedded.system import System
from tests.system.lab import Lab


def test_without_a_mail_server_the_link_stands_on_the_console_of_the_jobs(
    system: System, lab: Lab
) -> None:
    email = f"{lab.names[0]}@example.org"
    httpx.post(f"{lab.url}/api/auth/password-reset/", json={"email": email}).raise_for_status()
    assert link(lab, system.home.log, email, "/password/reset/").startswith("http://")


def link(lab: Lab, folder: Path, email: str, path: str) -> str:
    """The first link with this path in what was written to this address, once it is there."""

    def look() -> list[str]:
        texts = [file.read_text(errors="replace") for file in folder.iterdir()]
        mine = [text.partition(f"To: {email}")[2] for text in texts]
        return re.findall(rf"^http://\S+{path}\S+$", "".join(mine), re.MULTILINE)

    return lab.until(look, bool)[0]
