"""The Content-Security-Policy of each part of the server.

Our own pages have the strictest one (settings.CONTENT_SECURITY_POLICY): nothing inline, nothing
from other hosts. Some parts are pages of libraries that need exceptions; docs/reference/security.md
says why.
"""

from __future__ import annotations

from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

LOOSER: dict[str, dict[str, Any]] = {
    "/admin/": {
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
    },
    "/api/": {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]},
}


class PolicyMiddleware(CSPMiddleware):
    """Adds the exceptions by path. What a view sets by django-csp's decorators takes precedence."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, looser in LOOSER.items():
            if request.path.startswith(prefix):
                parts.replace = {**looser, **(parts.replace or {})}
        return parts
