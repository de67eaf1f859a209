"""An attribute that a parent has and a child must not have."""

from typing import Any


class Absent:
    """Takes a parent's attribute away: `hasattr` says no, of the class and of its objects."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError
