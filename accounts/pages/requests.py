"""What a page view gets from somebody who may be logged in."""

from __future__ import annotations

from accounts.models import User
from core.views import HtmxRequest


class PageRequest(HtmxRequest):
    user: User
