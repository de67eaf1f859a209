"""`/api/schema/`: generated once in each process, since it takes a second and never changes."""

from __future__ import annotations

from threading import Lock
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_rendered: dict[str, str | bytes] = {}  # media type -> the document
_rendering = Lock()


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1 of this API, as YAML or, with `?format=json`, as JSON."""

    @extend_schema(exclude=True)  # it is not part of what it describes
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        with _rendering:
            if renderer.media_type not in _rendered:
                _rendered[renderer.media_type] = renderer.render(
                    self._document(request), renderer_context={}
                )
        headers = {"Content-Disposition": f'inline; filename="{self._get_filename(request, None)}"'}
        return HttpResponse(
            _rendered[renderer.media_type], content_type=renderer.media_type, headers=headers
        )

    def _document(self, request: Request) -> Any:
        return self.generator_class().get_schema(request=request, public=self.serve_public)
