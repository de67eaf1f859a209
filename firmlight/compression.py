"""Which answers are compressed on their way out."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageCompression(GZipMiddleware):
    """Django's own middleware, for pages only.

    It pads every page by a random length, so that nobody learns a secret on the page from its
    compressed size (BREACH). Answers of the API carry tokens and are read by programs, and
    downloads are compressed already: they go out as they are. Static files are compressed when
    they are laid out (firmlight/static.py).
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
