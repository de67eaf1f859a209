"""`manage.py doctor [--json]`: examine a deployment; exit code 1 if something must be fixed."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from firmlight import doctor
from firmlight.doctor import MEND, Finding

NAME_CHARS, LEVEL_CHARS, LINE_CHARS_MIN = 28, 6, 60


class Command(BaseCommand):
    help = "Examine this deployment and say what to fix. Exit code 1 if something must be fixed."
    requires_system_checks: list[str] = []  # the doctor runs them itself

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="one JSON array of {name, level, what, mend}"
        )

    def handle(self, *_: str, **options: Any) -> None:
        found = []
        for finding in doctor.examine():
            found.append(finding)
            if not options["json"]:
                self.stdout.write(row(finding))
        bad = sum(finding.level == MEND for finding in found)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2))
        else:
            self.stdout.write(f"\n{bad} to mend." if bad else "\nAll is well.")
        if bad:
            sys.exit(1)


def row(finding: Finding) -> str:
    """One row of the table; longer texts continue below in their column."""
    level = finding.level.upper() if finding.level == MEND else finding.level
    head = f"{level:<{LEVEL_CHARS}}{finding.name:<{NAME_CHARS}}"
    room = max(shutil.get_terminal_size((120, 24)).columns - len(head), LINE_CHARS_MIN)
    lines = textwrap.wrap(finding.what, room) or [""]
    if finding.mend:
        lines += textwrap.wrap(f"-> {finding.mend}", room, subsequent_indent="   ")
    return f"\n{' ' * (LEVEL_CHARS + NAME_CHARS)}".join([head + lines[0], *lines[1:]]).rstrip()
