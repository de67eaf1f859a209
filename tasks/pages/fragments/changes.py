"""What has changed on a page since it was last asked.

The first view of a page and its updates show the same fragments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.pages.fragments.fragment import Fragments


class Changes:
    """The changes of one page, for everybody in this process who watches it.

    `make` returns all its fragments, or None if the page is gone.
    """

    def __init__(self, make: Callable[[], Fragments | None]) -> None:
        self.make = make
        self.shown: Fragments = {}

    def news(self) -> dict[str, Any] | None:
        """What is new: {"parts": [[id, place, html], …], "gone": [ids]}.

        Each fragment comes after the one that it lies in.
        """
        now = self.make()
        if now is None:
            return None
        before, self.shown = self.shown, now
        changed = [[key, *part] for key, part in now.items() if before.get(key) != part]
        return {"parts": changed, "gone": [key for key in before if key not in now]}

    def whole(self) -> dict[str, Any] | None:
        """Everything as it was last shown, for somebody who comes later."""
        if not self.shown and self.news() is None:
            return None
        return {"parts": [[key, *part] for key, part in self.shown.items()], "gone": []}
