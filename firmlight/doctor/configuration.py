"""What the settings and the files show. It connects to no server but the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.mail import get_connection
from django.http.request import validate_host

from core import client_wheel
from firmlight.doctor.finding import MEND, NOTE, OK, Finding, passed_or_mend

OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


def is_for_others() -> bool:
    """Whether people on other machines use it; on one's own machine less has to be strict."""
    return urlsplit(settings.PUBLIC_URL).hostname not in OWN_MACHINE


def settings_are_safe() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding("DEBUG", MEND, "on: error pages show internals to everybody", "unset DEBUG")
    else:
        yield Finding("DEBUG", OK, "off")
    if settings.METRICS_TOKEN:
        yield Finding("METRICS_TOKEN", OK, "set")
    elif is_for_others():
        what = "none: a Prometheus on another machine cannot read /metrics"
        yield Finding("METRICS_TOKEN", NOTE, what, "set METRICS_TOKEN")
    else:
        yield Finding("METRICS_TOKEN", OK, "none: only this machine reads /metrics")
    yield from (_django(message) for message in checks.run_checks() if message.is_serious())
    if settings.HTTPS:
        security = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
        yield from map(_django, security)


def _django(message: checks.CheckMessage) -> Finding:
    return Finding(f"django {message.id}", MEND, " ".join(message.msg.split()), message.hint or "")


def address() -> Iterator[Finding]:
    """How the server is reached, and by which names."""
    if settings.HTTPS:
        yield Finding("PUBLIC_URL", OK, settings.PUBLIC_URL)
        yield _proxy()
    elif is_for_others():
        what = f"{settings.PUBLIC_URL}: passwords and tokens are sent unencrypted"
        how = "put a proxy with TLS in front, and set PUBLIC_URL to its https:// address"
        yield Finding("PUBLIC_URL", MEND, what, how)
    else:
        yield Finding("PUBLIC_URL", NOTE, f"{settings.PUBLIC_URL}: for this machine only")
    yield _allowed_hosts()
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if origin.startswith("http://"):
            what = f"{origin} is plain http"
            yield Finding("CSRF_TRUSTED_ORIGINS", MEND, what, "trust https:// origins only")


def _allowed_hosts() -> Finding:
    name, host = "ALLOWED_HOSTS", urlsplit(settings.PUBLIC_URL).hostname or ""
    if "*" in settings.ALLOWED_HOSTS:
        what = "*: an attacker can make the links in e-mails lead to another host"
        return Finding(name, MEND, what, f"name the hosts: ALLOWED_HOSTS={host}")
    if not validate_host(host, settings.ALLOWED_HOSTS):
        wanted = ",".join([host, *settings.ALLOWED_HOSTS])
        what = f"{host} of PUBLIC_URL is not among them"
        return Finding(name, MEND, what, f"ALLOWED_HOSTS={wanted}")
    return Finding(name, OK, ", ".join(settings.ALLOWED_HOSTS))


def _proxy() -> Finding:
    if settings.BEHIND_PROXY:
        what = "on: the proxy's X-Forwarded-For and X-Forwarded-Proto count"
        return Finding("BEHIND_PROXY", OK, what)
    what = (
        "off: behind a proxy, requests would be redirected to https without end, "
        "and all users would share one limit"
    )
    how = "set BEHIND_PROXY=1, unless this server itself ends TLS"
    return Finding("BEHIND_PROXY", NOTE, what, how)


def files() -> Iterator[Finding]:
    """The static files and the client's wheel, which are made before the start."""
    how = "run python -m firmlight prepare files"
    collected = (Path(settings.STATIC_ROOT) / "staticfiles.json").exists()
    yield passed_or_mend("static files", collected, str(settings.STATIC_ROOT), how)
    if wheel := client_wheel.find():
        yield Finding("client", OK, f"the server hands out {wheel.name}")
    else:
        what = f"no wheel in {settings.CLIENT_ROOT}: nobody can install the client"
        yield Finding("client", MEND, what, how)


def mail() -> Iterator[Finding]:
    if not settings.MAIL_CONFIGURED:
        what = "e-mails are only printed: nobody can reset a password or confirm an address"
        level = MEND if is_for_others() else NOTE
        yield Finding("mail", level, what, "set EMAIL_URL and MAIL_FROM")
        return
    try:
        with get_connection(timeout=min(settings.EMAIL_TIMEOUT, 10)):
            pass
    except OSError as error:  # smtplib's errors are OSErrors, too
        yield Finding("mail", MEND, f"{type(error).__name__}: {error}", "check EMAIL_URL")
    else:
        yield Finding("mail", OK, f"the server accepts e-mails from {settings.DEFAULT_FROM_EMAIL}")
