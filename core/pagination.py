"""Lists come as {"count", "next", "previous", "results"}, `?page=` and `?page_size=` up to 200.

`count` is exact up to COUNT_ROWS_MAX; of longer lists it says how far they have been counted, and
`next` goes on.
"""

from rest_framework.pagination import PageNumberPagination

from core.counting import CappedPaginator


class Pagination(PageNumberPagination):
    django_paginator_class = CappedPaginator
    page_size_query_param = "page_size"
    max_page_size = 200
