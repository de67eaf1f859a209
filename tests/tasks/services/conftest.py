"""A member whose results are doubted, and their machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from groups.models import Group, Membership
from tasks.models import Worker


@pytest.fixture
def mallory(group: Group, make_user: Callable[[str], User]) -> User:
    user = make_user("mallory")
    Membership.objects.create(group=group, user=user)
    return user


@pytest.fixture
def attic(mallory: User) -> Worker:
    return Worker.objects.create(owner=mallory, name="attic")
