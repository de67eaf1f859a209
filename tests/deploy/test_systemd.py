"""The systemd units, by systemd's own examination."""

from __future__ import annotations

import re
import subprocess
import sys

from firmlight import processes
from tests.deploy import files
from tests.support.needed import need

UNITS = sorted((files.DEPLOY / "systemd").iterdir())
PYTHON = "/opt/firmlight/.venv/bin/python"


def commands():
    lines = (line for unit in UNITS for line in unit.read_text().splitlines())
    return [line.partition("=")[2] for line in lines if line.startswith("ExecStart=")]


def test_every_part_has_a_unit_and_the_target_wants_it():
    started = {command.rpartition(" ")[2] for command in commands() if " -m firmlight " in command}
    assert started == {*processes.NAMES, "prepare"}
    (wanted,) = re.findall(
        "Wants=(.*)", (files.DEPLOY / "systemd" / "firmlight.target").read_text()
    )
    assert set(wanted.split()) == {f"firmlight-{name}.service" for name in processes.NAMES}


def test_none_of_them_runs_as_root_or_gains_rights():
    for unit in UNITS:
        if unit.suffix == ".service":
            text = unit.read_text()
            assert "\nUser=firmlight\n" in text
            assert "\nNoNewPrivileges=yes\n" in text
            assert "\nProtectSystem=strict\n" in text


@need("systemd-analyze")
def test_systemd_finds_no_fault(tmp_path):
    """With a Python that exists; theirs lies where the installation puts it."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PYTHON, sys.executable))
    words = [
        "systemd-analyze",
        "verify",
        "--man=no",
        *(str(tmp_path / unit.name) for unit in UNITS),
    ]
    done = subprocess.run(words, capture_output=True, text=True)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "firmlight" in line] == []
    assert done.returncode == 0, done.stderr
