"""News that leaves the app: a letter is wanted. The job is sent by name; a broker that is away
loses the letter, and who waits for it asks for another.
"""

from __future__ import annotations

from typing import Any

from core import broker


def send_letter(letter: str, **facts: Any) -> None:
    """Have templates/mail/<letter>.txt sent; `facts` are what accounts.emails needs for it. Never a
    secret: links are signed by the job, so that the broker holds none.
    """
    broker.send_job(
        "accounts.mail",
        [letter, {name: str(value) for name, value in facts.items()}],
        queue="short",
    )
