"""What has changed on a page since it was last asked: first paint and updates show the same parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.pages.fragments.page_state import Part

Parts = dict[str, Part]


class Changes:
    """Of one page, for all who watch it here. `make` gives all its parts by id, or None if the page
    is gone.
    """

    def __init__(self, make: Callable[[], Parts | None]) -> None:
        self.make = make
        self.shown: Parts = {}

    def news(self) -> dict[str, Any] | None:
        """{"parts": [[id, place, html], …], "gone": [ids]}, each part behind the one it lies in."""
        now = self.make()
        if now is None:
            return None
        before, self.shown = self.shown, now
        changed = [[key, *part] for key, part in now.items() if before.get(key) != part]
        return {"parts": changed, "gone": [key for key in before if key not in now]}

    def whole(self) -> dict[str, Any] | None:
        """Everything as it was last shown, for who comes later."""
        if not self.shown and self.news() is None:
            return None
        return {"parts": [[key, *part] for key, part in self.shown.items()], "gone": []}
