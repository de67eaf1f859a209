"""The request that a page view gets, with the user who may be logged in."""

from __future__ import annotations

from accounts.models import User
from core.views import HtmxRequest


class PageRequest(HtmxRequest):
    user: User
