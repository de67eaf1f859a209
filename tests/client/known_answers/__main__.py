"""Write the known answers: `python -m tests.client.known_answers`."""

from __future__ import annotations

from firmlight_client.doctor.known_answers import FILE
from tests.client.known_answers import text

FILE.write_text(text(), encoding="utf-8")
