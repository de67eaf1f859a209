"""Kind keys, "NAME@version": only workers with the same version of a kind are leased its tasks."""

from __future__ import annotations


def key_of(name: str, version: str) -> str:
    return f"{name}@{version}"


def split_key(key: str) -> tuple[str, str]:
    """The name and the version of the kind."""
    name, _, version = key.partition("@")
    return name, version


def name_in(key: str) -> str:
    return split_key(key)[0]
