"""Logging: structlog's formatter on the standard library, one line an event, as text or as JSON."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
SECRET_NAMES = ("password", "token", "secret", "authorization", "cookie", "refresh", "access", "jti", "digest")
SECRET_TEXTS = re.compile(
    r"(?P<scheme>\b(?:Bearer|Basic)\s+)[^\s'\",;]+"  # a header
    r"|\bflw_[\w-]{20,}"  # a worker token
    r"|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]+"  # a JSON Web Token
    r"|(?P<path>/(?:password/reset|email/confirm|join)/)[^\s?#'\"]+"  # the link of a letter or to a group
    r"|(?P<name>[\"']?(?:\w*(?:password|token|secret)|refresh|access|authorization|cookie|sessionid)[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&}]+)",
    re.IGNORECASE,
)

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def hide_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before a line is written: passwords and tokens go, by the name or by the look of them."""
    return without_secrets_in(event)


def without_secrets_in(facts: MutableMapping[str, Any]) -> dict[str, Any]:
    """The same as plain values, without what looks like a secret or is named like one."""
    return {name: _hidden(name, value) for name, value in facts.items()}


def _hidden(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in SECRET_NAMES):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden("", inner) for inner in value]
    return value if isinstance(value, (int, float, bool, type(None))) else without_secrets(str(value))


def without_secrets(text: str) -> str:
    """The text with what looks like a secret replaced."""
    return SECRET_TEXTS.sub(lambda m: (m["scheme"] or m["path"] or m["name"] or "") + HIDDEN, text)


def config(level: str, *, as_json: bool) -> dict[str, Any]:
    """The dictConfig for Django's LOGGING."""
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_secrets,
            renderer,
        ],
        "foreign_pre_chain": SHARED,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "axes": {"level": "ERROR"},  # it would write what was typed for a name, which may be a password
            "uvicorn.access": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }
