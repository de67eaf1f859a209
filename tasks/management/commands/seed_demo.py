"""`manage.py seed_demo --size small|medium|large`: fill an installation with people, groups and
finished tasks.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tasks import seeding


class Command(BaseCommand):
    help = (
        "Fill the database with made-up people, groups and a year of finished tasks. "
        "Never on a real installation."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--size", choices=sorted(seeding.SIZES), default="small")
        parser.add_argument(
            "--password",
            help=f"with which {seeding.FIRST_USER} can log in; the others cannot at all",
        )

    def handle(self, *_: str, size: str, password: str | None, **options: Any) -> None:
        if seeding.is_seeded():
            raise CommandError("This installation has been seeded already.")
        user = seeding.seed(seeding.SIZES[size], say=self.stdout.write)
        if password:
            user.set_password(password)
            user.save(update_fields=["password"])
        self.stdout.write(f"{user.username} is a member of the largest group.")
