"""When two names of workers are the same: a block must not be passed by a space more."""

from __future__ import annotations

import unicodedata

from firmlight_client.text import as_seen

# Unicode's general categories: control characters, and marks without width. What Unicode calls
# ignorable beside them is left out by `as_seen`.
UNSEEN = {"Cc", "Cf"}


def canonical(name: str) -> str:
    """The name in Unicode's form NFKC, without blanks around it and with single ones within."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def comparison_key(name: str) -> str:
    """What two names have in common that people take for the same.

    Upper and lower case do not count here, nor characters that cannot be seen; any blank is one.
    """
    shown = as_seen(canonical(name))
    seen = "".join(char for char in shown if unicodedata.category(char) not in UNSEEN)
    return canonical(canonical(seen.casefold()).casefold())
