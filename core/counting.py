"""Pages of lists that may be long: counting a million rows takes longer than showing twenty-five of
them.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from core import databases


class CappedPaginator(Paginator):
    """Counts to COUNT_ROWS_MAX and no further. Where there are more, later pages can be had all the
    same.

    `count` is then what is known: at least so many. `capped` says so.
    """

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        return self.object_list.order_by().values("pk")[: settings.COUNT_ROWS_MAX].count()

    ended = False  # whether a page showed where the list ends

    @property
    def capped(self) -> bool:
        return (
            isinstance(self.object_list, QuerySet)
            and self.count >= settings.COUNT_ROWS_MAX
            and not self.ended
        )

    def page(self, number: int | str) -> Page[Any]:
        """As Django's, and beyond what was counted. Raises EmptyPage, PageNotAnInteger."""
        try:
            wanted = self.validate_number(number)
        except EmptyPage:
            if not self.capped or int(number) < 1:
                raise
            wanted = int(number)
        if self.capped and wanted * self.per_page >= self.count:
            return self._beyond(wanted)
        bottom = (wanted - 1) * self.per_page
        return Page(self._rows(bottom, bottom + self.per_page), wanted, self)

    def _rows(self, bottom: int, top: int) -> Any:
        listed = self.object_list
        return (
            databases.cut(listed, bottom, top)
            if isinstance(listed, QuerySet)
            else listed[bottom:top]
        )

    def _beyond(self, number: int) -> Page[Any]:
        """Fetches one row more than it shows: whether there is another page."""
        bottom = (number - 1) * self.per_page
        rows = list(self._rows(bottom, bottom + self.per_page + 1))
        if not rows:
            raise EmptyPage(self.error_messages["no_results"])
        self.count, self.ended = bottom + len(rows), len(rows) <= self.per_page
        self.__dict__.pop("num_pages", None)
        return Page(rows[: self.per_page], number, self)
