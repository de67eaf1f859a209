"""Pages of long lists, for the web pages, the admin and the REST API.

Counting a million rows takes longer than showing twenty-five of them. So lists are counted up to
COUNT_ROWS_MAX and no further; later pages exist all the same.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property
from rest_framework.pagination import PageNumberPagination

from core import databases


class CappedPaginator(Paginator):
    """Counts to COUNT_ROWS_MAX and no further.

    Of a longer list, `count` says how many rows are known of, and `capped` is true until a page
    shows where the list ends.
    """

    end_seen = False  # whether a page showed where the list ends

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        # Ordering and joins would cost time and change nothing about the number.
        return self.object_list.order_by().values("pk")[: settings.COUNT_ROWS_MAX].count()

    @property
    def capped(self) -> bool:
        """Whether there may be more rows than `count` says."""
        if self.end_seen or not isinstance(self.object_list, QuerySet):
            return False
        return self.count >= settings.COUNT_ROWS_MAX

    def page(self, number: int | str) -> Page[Any]:
        """As Django's, and also beyond what was counted. Raises EmptyPage, PageNotAnInteger."""
        try:
            wanted = self.validate_number(number)
        except EmptyPage:
            if not self.capped or int(number) < 1:
                raise
            wanted = int(number)
        if self.capped and wanted * self.per_page >= self.count:
            return self._page_beyond_count(wanted)
        bottom = (wanted - 1) * self.per_page
        return Page(self._rows(bottom, bottom + self.per_page), wanted, self)

    def _rows(self, bottom: int, top: int) -> Any:
        if isinstance(self.object_list, QuerySet):
            return databases.cut(self.object_list, bottom, top)
        return self.object_list[bottom:top]

    def _page_beyond_count(self, number: int) -> Page[Any]:
        """A page of rows that were not counted.

        It fetches one row more than it shows: that row says whether there is another page.
        """
        bottom = (number - 1) * self.per_page
        rows = list(self._rows(bottom, bottom + self.per_page + 1))
        if not rows:
            raise EmptyPage(self.error_messages["no_results"])
        self.count = bottom + len(rows)
        self.end_seen = len(rows) <= self.per_page
        self.__dict__.pop("num_pages", None)  # Django cached it for the old count
        return Page(rows[: self.per_page], number, self)


class Pagination(PageNumberPagination):
    """Lists of the API: {"count", "next", "previous", "results"}; `?page=` and `?page_size=`.

    `count` is exact up to COUNT_ROWS_MAX. Of longer lists it says how far they have been counted,
    and `next` goes on.
    """

    django_paginator_class = CappedPaginator
    page_size_query_param = "page_size"
    max_page_size = 200
