"""The locks name everything that their packages need, for every Python we support.

pip refuses a package without a hash, so a missing one stops the installation.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy import files

PYTHONS = ("3.11.0", "3.11.2", "3.12.0", "3.13.0", "3.14.0")  # Debian 12 has 3.11.2
LOCKS = [files.ROOT / "requirements.txt", *sorted((files.ROOT / "requirements").glob("*.txt"))]


@cache
def installed() -> set[str]:
    return {canonicalize_name(one.metadata["Name"]) for one in metadata.distributions()}


@cache
def needed(name: str, python: str) -> set[str]:
    """By the package itself, without its extras, on Linux."""
    here = {"python_full_version": python, "python_version": python.rpartition(".")[0], "extra": ""}
    wanted = map(Requirement, metadata.requires(name) or ())
    return {
        canonicalize_name(one.name)
        for one in wanted
        if one.marker is None or one.marker.evaluate(here)
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_lacks_nothing_that_its_packages_need(lock, python) -> None:
    names = {
        canonicalize_name(name)
        for name in re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE)
    }
    assert len(names) > 50
    missing = {
        (name, other) for name in names & installed() for other in needed(name, python) - names
    }
    assert not missing
