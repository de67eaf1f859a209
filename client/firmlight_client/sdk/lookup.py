"""Groups and workers by what people call them: an id or a name."""

from __future__ import annotations

from typing import Any

from firmlight_client.errors import NotFound


class Group(dict[str, Any]):
    """A group of yours, as `GET /api/groups/` shows it."""

    def _repr_html_(self) -> str:
        from firmlight_client.sdk.notebook import group_html

        return group_html(self)


def find_group(groups: list[Group], called: str) -> Group:
    """The group of this id, or of this name if no other has it. Raises NotFound."""
    by_id = [group for group in groups if str(group["id"]) == called]
    name = called.casefold()
    by_name = [group for group in groups if str(group["name"]).casefold() == name]
    found = by_id or by_name
    if not found:
        raise NotFound("not_found", f"You are in no group called {called!r}.", status=404)
    if len(found) > 1:
        words = f"You are in {len(found)} groups called {called!r}: give the id."
        raise NotFound("ambiguous", words)
    return found[0]


def find_worker(workers: list[dict[str, Any]], called: str) -> str:
    """The id of the worker of this id or name. Raises NotFound.

    A name is unique among the workers of one owner. If it is the id of another one, the id counts.
    """
    by_name = {row["name"]: str(row["id"]) for row in workers}
    if called in by_name.values():
        return called
    if called not in by_name:
        raise NotFound("not_found", f"You have no worker called {called!r}.", status=404)
    return by_name[called]
