"""The Content-Security-Policy of each part of the server.

Our own pages have the strictest (settings.CONTENT_SECURITY_POLICY): nothing inline, nothing from
elsewhere. Three parts are other people's pages and cannot do without some of it;
docs/reference/security.md says why.
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
    """A view may still say more by django-csp's decorators; those come first."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        looser = next(
            (policy for prefix, policy in LOOSER.items() if request.path.startswith(prefix)), {}
        )
        parts.replace = {**looser, **(parts.replace or {})}
        return parts
