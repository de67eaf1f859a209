"""Logging: structlog's formatter on the standard library; one line an event, as text or JSON.

Whatever a client sends may end up in a line, in any length. So texts are cut first and then masked,
and the time of every pattern here grows only linearly with the text; tests/patterns/ checks that.
"""

import re
import string
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from django.conf import settings

HIDDEN = "[hidden]"
LEFT_OUT = "[left out]"
SECRET_NAMES = (
    "password",
    "token",
    "secret",
    "authorization",
    "cookie",
    "refresh",
    "access",
    "jti",
    "digest",
)

# Once a branch has matched its first words it takes what follows, with or without closing quote. A
# branch that failed after a long run would be tried again from each later start: quadratic time.
SECRET_TEXTS = re.compile(
    r"(?P<scheme>\b(?:Bearer|Basic)\s+)[^\s'\",;]+"  # a header
    r"|\bflw_[\w-]{20,}"  # a worker token
    r"|\beyJ[\w-]{5,}(?:\.[\w-]+){0,2}"  # a JSON Web Token, or the beginning of one
    # the link of an e-mail, or to a group
    r"|(?P<path>/(?:password/reset|email/confirm|join)/)[^\s?#'\"]+"
    r"|(?P<name>(?:password|token|secret|refresh|access|authorization|cookie|sessionid)"
    r"[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^\s,;&}]+)",
    re.IGNORECASE,
)
TOKEN_CHARS = string.ascii_letters + string.digits + "_-."
NAME_CHARS_MAX = 200  # of a key, which a client may have sent, too
# Of values within values. An event on its way to Sentry has some hundreds on eight levels.
LEVELS_MAX, VALUES_MAX = 12, 10_000
NESTED_TEXTS_MAX = 16  # texts of LOG_TEXT_CHARS_MAX that all within a value may have together

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def hide_secrets(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The last processor before a line is written: removes passwords and tokens."""
    return without_secrets_in(event)


def without_secrets_in(facts: Mapping[str, Any]) -> dict[str, Any]:
    """These facts as plain values, without what looks like a secret or is named like one.

    A text longer than LOG_TEXT_CHARS_MAX is cut. Nested values are left out if there are too many
    or they are too deep.
    """
    return {name[:NAME_CHARS_MAX]: _Masking().value(name, value) for name, value in facts.items()}


class _Masking:
    """Masks one value of an event, within limits for the values and characters inside of it."""

    def __init__(self) -> None:
        self.chars_left = NESTED_TEXTS_MAX * settings.LOG_TEXT_CHARS_MAX
        self.values_left = VALUES_MAX

    def value(self, name: str, value: Any, level: int = 0) -> Any:
        if any(word in name[:NAME_CHARS_MAX].lower() for word in SECRET_NAMES):
            return HIDDEN
        if isinstance(value, (int, float, bool, type(None))):
            return value
        if isinstance(value, (dict, list, tuple)):
            return self._inside(value, level + 1)
        return self._text(value)

    def _inside(self, value: dict[Any, Any] | list[Any] | tuple[Any, ...], level: int) -> Any:
        if level > LEVELS_MAX or self.values_left < len(value):
            return LEFT_OUT
        self.values_left -= len(value)
        if isinstance(value, dict):
            named = ((str(key)[:NAME_CHARS_MAX], inner) for key, inner in value.items())
            return {name: self.value(name, inner, level) for name, inner in named}
        return [self.value("", inner, level) for inner in value]

    def _text(self, value: Any) -> str:
        most = settings.LOG_TEXT_CHARS_MAX
        if isinstance(value, (bytes, bytearray)):
            value = bytes(value[:most])  # before `str` makes up to four characters of each byte
        text = str(value)
        self.chars_left -= min(len(text), most)
        if self.chars_left < 0:
            return LEFT_OUT
        return without_secrets(text)


def without_secrets(text: str) -> str:
    """The text with everything that looks like a secret replaced.

    Of a text longer than LOG_TEXT_CHARS_MAX, the beginning is kept and the last lines, where a
    traceback says what went wrong. No cut goes through a secret, since its rest would no longer
    look like one: the beginning ends before the word that was cut, and the end begins with a whole
    line.
    """
    most = settings.LOG_TEXT_CHARS_MAX
    if len(text) <= most:
        return _masked(text)
    head = text[: most // 2].rstrip(TOKEN_CHARS)
    tail = text[-(most // 2) :].partition("\n")[2]
    left_out = f"[… {len(text) - len(head) - len(tail):,} characters left out …]"
    return f"{_masked(head)}{left_out}\n{_masked(tail)}".rstrip()


def _masked(text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        kept = match["scheme"] or match["path"] or match["name"] or ""
        return kept + HIDDEN

    return SECRET_TEXTS.sub(replaced, text)


def config(level: str, *, as_json: bool) -> dict[str, Any]:
    """The dictConfig for Django's LOGGING."""
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False)
    if as_json:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
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
            # Its warnings hold what was typed as a name, which may be a password.
            "axes": {"level": "ERROR"},
            "uvicorn.access": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }
