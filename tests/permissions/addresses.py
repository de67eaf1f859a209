"""Every HTTP address that the server answers, with the methods that its view allows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

VERBS = ("get", "post", "put", "patch", "delete")
PART = re.compile(r"<(?:\w+:)?(\w+)>")


def rows() -> list[str]:
    """ "GET api/users/me/" and so on, sorted; without the admin's, which have their own rule."""
    return sorted(
        f"{method.upper()} {route}"
        for route, view in walk()
        if not route.startswith("admin/")
        for method in methods_of(view)
    )


def walk(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield route, pattern.callback


def methods_of(view: Any) -> list[str]:
    """Of a class what it has methods for; of a function what `require_http_methods` lets in, else
    GET and POST.
    """
    if actions := getattr(view, "actions", None):
        return [verb for verb in VERBS if verb in actions]
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if cls:
        return [verb for verb in VERBS if verb in cls.http_method_names and hasattr(cls, verb)]
    required = _required(view)
    return [verb for verb in VERBS if verb.upper() in required] if required else ["get", "post"]


def _required(view: Any) -> list[str] | None:
    while view:
        seen = inspect.getclosurevars(view).nonlocals if inspect.isfunction(view) else {}
        if "request_method_list" in seen:
            return seen["request_method_list"]
        view = getattr(view, "__wrapped__", None)
    return None


def without_cookies() -> set[str]:
    """The rows of API views that look at no cookie: log in, refresh and the like."""
    return {
        f"{method.upper()} {route}"
        for route, view in walk()
        for method in methods_of(view)
        if getattr(getattr(view, "cls", None), "authentication_classes", None) == ()
    }


def fill(route: str, value: Callable[[str], Any]) -> str:
    """The route as an address; `value` gives what its parts stand for."""
    return "/" + PART.sub(lambda part: str(value(part[1])), route)
