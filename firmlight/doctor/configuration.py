"""What can be known from the settings and the files, without asking anybody but the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.mail import get_connection
from django.http.request import validate_host

from core import client_wheel
from firmlight.doctor.finding import MEND, NOTE, OK, Finding

OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


def is_for_others() -> bool:
    """Whether people elsewhere are to reach it; on one's own machine less has to be shut."""
    return urlsplit(settings.PUBLIC_URL).hostname not in OWN_MACHINE


def settings_are_safe() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding(
            "DEBUG", MEND, "on: errors show the program's insides to everybody", "unset DEBUG"
        )
    else:
        yield Finding("DEBUG", OK, "off")
    if settings.METRICS_TOKEN or not is_for_others():
        yield Finding(
            "METRICS_TOKEN",
            OK,
            "set" if settings.METRICS_TOKEN else "none: only this machine reads /metrics",
        )
    else:
        yield Finding(
            "METRICS_TOKEN",
            NOTE,
            "none: a Prometheus elsewhere cannot read /metrics",
            "set METRICS_TOKEN",
        )
    yield from (_django(message) for message in checks.run_checks() if message.is_serious())
    if settings.HTTPS:
        yield from map(
            _django, checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
        )


def _django(message: checks.CheckMessage) -> Finding:
    return Finding(f"django {message.id}", MEND, " ".join(message.msg.split()), message.hint or "")


def address() -> Iterator[Finding]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if settings.HTTPS:
        yield Finding("PUBLIC_URL", OK, settings.PUBLIC_URL)
        yield from _proxy()
    elif is_for_others():
        what = f"{settings.PUBLIC_URL}: passwords and tokens travel in the open"
        yield Finding(
            "PUBLIC_URL",
            MEND,
            what,
            "put a proxy with TLS in front, and set PUBLIC_URL to its https:// address",
        )
    else:
        yield Finding("PUBLIC_URL", NOTE, f"{settings.PUBLIC_URL}: for this machine only")
    if "*" in settings.ALLOWED_HOSTS:
        what = "*: links in letters can be made to lead elsewhere"
        yield Finding("ALLOWED_HOSTS", MEND, what, f"name the hosts: ALLOWED_HOSTS={host}")
    elif not validate_host(host, settings.ALLOWED_HOSTS):
        named = ",".join([host, *settings.ALLOWED_HOSTS])
        yield Finding(
            "ALLOWED_HOSTS",
            MEND,
            f"{host} of PUBLIC_URL is not among them",
            f"ALLOWED_HOSTS={named}",
        )
    else:
        yield Finding("ALLOWED_HOSTS", OK, ", ".join(settings.ALLOWED_HOSTS))
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if origin.startswith("http://"):
            yield Finding(
                "CSRF_TRUSTED_ORIGINS",
                MEND,
                f"{origin} is plain http",
                "trust https:// origins only",
            )


def _proxy() -> Iterator[Finding]:
    if settings.BEHIND_PROXY:
        yield Finding(
            "BEHIND_PROXY", OK, "on: the proxy's X-Forwarded-For and X-Forwarded-Proto count"
        )
    else:
        what = "off: behind a proxy every request would be redirected to https without end, and limits be shared by all"
        yield Finding(
            "BEHIND_PROXY", NOTE, what, "set BEHIND_PROXY=1, unless this server itself ends TLS"
        )


def files() -> Iterator[Finding]:
    """What is laid out before the start."""
    laid_out = (Path(settings.STATIC_ROOT) / "staticfiles.json").exists()
    how = "python -m firmlight prepare files"
    yield Finding(
        "static files",
        OK if laid_out else MEND,
        str(settings.STATIC_ROOT),
        "" if laid_out else f"run {how}",
    )
    if wheel := client_wheel.find():
        yield Finding("client", OK, f"{wheel.name} is handed out")
    else:
        yield Finding(
            "client",
            MEND,
            f"no wheel in {settings.CLIENT_ROOT}: nobody can install the client",
            f"run {how}",
        )


def mail() -> Iterator[Finding]:
    if not settings.MAIL_CONFIGURED:
        what = "letters go to the console: nobody can reset a password or confirm an address"
        yield Finding(
            "mail", MEND if is_for_others() else NOTE, what, "set EMAIL_URL and MAIL_FROM"
        )
        return
    try:
        with get_connection(timeout=min(settings.EMAIL_TIMEOUT, 10)):
            pass
    except OSError as error:  # smtplib's errors are such, too
        yield Finding("mail", MEND, f"{type(error).__name__}: {error}", "check EMAIL_URL")
    else:
        yield Finding("mail", OK, f"the server takes letters from {settings.DEFAULT_FROM_EMAIL}")
