"""What leaves the app: e-mails to be sent.

The job is sent by name. If the broker is down the e-mail is lost, and the user can ask for another.
"""

from __future__ import annotations

from typing import Any

from core import broker


def send_email(template: str, **facts: Any) -> None:
    """Send templates/accounts/mail/<template>.txt; accounts.emails needs `facts` to write it.

    They are never secret: the job signs the links, so that the broker holds no secret.
    """
    texts = {name: str(value) for name, value in facts.items()}
    broker.send_job("accounts.mail", [template, texts], queue="short")
