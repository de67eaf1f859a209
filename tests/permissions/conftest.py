from collections.abc import Iterator

import pytest

from tasks.services.split import split_task
from tasks.services.submit import submit_task
from tests.permissions import sockets
from tests.permissions.world import PEOPLE, World


@pytest.fixture
def world(transactional_db: None) -> World:
    """Committed, for sockets in other threads; its task is split and waits for workers."""
    made = World()
    made.task = submit_task(
        author=made.people["owner"], group=made.group.pk, kind="ECHO", params={"count": 5000}
    )
    split_task(str(made.task.pk))
    for who in PEOPLE:
        made.cookie(who)
    return made


@pytest.fixture(scope="session", autouse=True)
def _sockets() -> Iterator[None]:
    yield
    sockets.close()
