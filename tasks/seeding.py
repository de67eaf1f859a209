"""People, groups and a year of finished tasks, for demonstrations and for measuring pages.

Nothing of it is live. Groups differ as they do in life: the first is the largest, and has the most
tasks. Only ids are held in memory; rows are made in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db.models import Model
from django.utils import timezone

from accounts.models import INFO, AuditEntry, Notification, Session, User, email_key
from groups import states as ways
from groups.models import Group, Invitation, Membership, name_key, pending_key
from tasks import states
from tasks.models import Contribution, Task, TaskHistory, Worker

BATCH_ROWS = 2000
DAYS = 365
FIRST_USER = "demo_000000"
FIRST_USERS_GROUPS = 20
KINDS = ("FACTORIZATION", "MEAN", "CRAWLER")
WAYS_TO_END = (states.SUCCEEDED,) * 18 + (states.FAILED, states.CANCELLED)
WORDS = (
    "genome",
    "climate",
    "prime",
    "survey",
    "corpus",
    "orbit",
    "protein",
    "spectrum",
    "market",
    "weather",
)
NOTIFICATIONS_EACH, HISTORY_EVERY, AUDIT_EVERY = 3, 50, 5


class Size(NamedTuple):
    users: int
    groups: int
    tasks: int


SIZES = {
    "small": Size(50, 8, 500),
    "medium": Size(5_000, 500, 50_000),
    "large": Size(100_000, 10_000, 1_000_000),
}
Say = Callable[[str], object]


@dataclass
class Seed:
    """What has been made so far, by id.

    The same `chance` makes the same installation, except for ids and moments.
    """

    size: Size
    say: Say
    chance: Random
    now: datetime
    users: list[UUID] = field(default_factory=list)
    groups: list[UUID] = field(default_factory=list)
    members: list[list[UUID]] = field(default_factory=list)  # of each group, its owner first
    machines: dict[UUID, UUID] = field(default_factory=dict)  # by their owner
    # Of each task its id, the number of its group, and whether it has a history.
    done: list[tuple[UUID, int, bool]] = field(default_factory=list)

    def run(self) -> None:
        self.users = [uuid4() for _ in range(self.size.users)]
        self.groups = [uuid4() for _ in range(self.size.groups)]
        self.members = [self._members(number) for number in range(self.size.groups)]
        self.machines = {user: uuid4() for user in self.users[::2]}
        for rows in (
            self._users,
            self._groups,
            self._memberships,
            self._workers,
            self._tasks,
            self._contributions,
            self._histories,
            self._notifications,
            self._sessions,
            self._invitations,
            self._audit,
        ):
            self._write(rows())

    def _write(self, rows: Iterator[Model]) -> None:
        """Write rows of one model in batches, and say how many."""
        made, first = 0, next(rows, None)
        if first is None:
            return
        kind = type(first)
        batch = [first, *islice(rows, BATCH_ROWS - 1)]
        while batch:
            made += len(kind._default_manager.bulk_create(batch))
            batch = list(islice(rows, BATCH_ROWS))
        self.say(f"{made:>9,} {kind.__name__}")

    def _members(self, number: int) -> list[UUID]:
        """The members of group `number`, its owner first; fewer the higher the number.

        The first user is in the first groups.
        """
        most = max(self.size.users // 20, 3)
        wanted = max(int(most / (number + 1) ** 0.7), 3)
        found = dict.fromkeys(self.chance.choices(self.users, k=wanted))
        if number < FIRST_USERS_GROUPS:
            found = {self.users[0]: None} | found
        return list(found)

    def _moment(self, share: float) -> datetime:
        """The moment at this share of the year that ends now."""
        return self.now - timedelta(days=DAYS * (1 - share))

    def _users(self) -> Iterator[Model]:
        for number, user in enumerate(self.users):
            name = f"demo_{number:06}"
            email = email_key(f"{name}@example.org")
            unusable = "!"  # no password matches it
            yield User(pk=user, username=name, username_key=name, email=email, password=unusable)

    def _groups(self) -> Iterator[Model]:
        for number, group in enumerate(self.groups):
            name = f"Demo {self.chance.choice(WORDS)} {number}"
            joining = ways.JOINING[number % 2]
            yield Group(
                pk=group,
                name=name,
                name_key=name_key(name),
                joining=joining,
                description="Made by seed_demo",
            )

    def _memberships(self) -> Iterator[Model]:
        for group, members in zip(self.groups, self.members, strict=True):
            for place, user in enumerate(members):
                role = ways.MEMBER if place else ways.OWNER
                row = Membership(group_id=group, user_id=user, role=role)
                row.owner_key = row._owner_key(row.role)
                yield row

    def _workers(self) -> Iterator[Model]:
        for user, machine in self.machines.items():
            seen = self._moment(self.chance.uniform(0.9, 0.99))
            yield Worker(
                pk=machine, owner_id=user, name="laptop", slots=4, platform="Linux", last_seen=seen
            )

    def _tasks(self) -> Iterator[Model]:
        return (self._task(number) for number in range(self.size.tasks))

    def _task(self, number: int) -> Task:
        place = int(self.size.groups * self.chance.random() ** 3)
        status = self.chance.choice(WAYS_TO_END)
        created = self._moment(number / self.size.tasks)
        started = created + timedelta(seconds=1)
        finished = created + timedelta(seconds=self.chance.randint(2, 3600))
        subtasks = self.chance.randint(1, 1000)
        task = Task(
            group_id=self.groups[place],
            creator_id=self.chance.choice(self.members[place][:100]),
            kind=KINDS[number % len(KINDS)],
            kind_version="1",
            title=f"{self.chance.choice(WORDS)} {number}",
            status=status,
            subtasks=subtasks,
            done=subtasks if status == states.SUCCEEDED else 0,
            created=created,
            changed=finished,
            started=started,
            finished=finished,
        )
        self.done.append((task.pk, place, number % HISTORY_EVERY == 0))
        return task

    def _contributions(self) -> Iterator[Model]:
        for number, (task, place, _) in enumerate(self.done):
            started = self._moment(number / self.size.tasks)
            chosen = self.chance.choices(self.members[place], k=4)
            helpers = [user for user in chosen if user in self.machines]
            for user in dict.fromkeys(helpers):
                yield Contribution(
                    task_id=task,
                    worker_id=self.machines[user],
                    started=started,
                    finished=started,
                    subtasks=10,
                    share=100 / len(helpers),
                    compute_seconds=60.0,
                )

    def _histories(self) -> Iterator[Model]:
        for task, _, has_history in self.done:
            if has_history:
                yield TaskHistory(task_id=task)

    def _notifications(self) -> Iterator[Model]:
        for user in self.users:
            for number in range(NOTIFICATIONS_EACH):
                text = f"Your task {self.chance.choice(WORDS)} {number} has succeeded."
                created = self._moment(self.chance.uniform(0.8, 1))
                yield Notification(
                    user_id=user, level=INFO, code="task_succeeded", text=text, created=created
                )

    def _sessions(self) -> Iterator[Model]:
        ends = self.now + timedelta(days=30)
        for user in self.users:
            yield Session(user_id=user, device="seed_demo", jti=uuid4().hex, expires=ends)

    def _invitations(self) -> Iterator[Model]:
        for number, group in enumerate(self.groups):
            stranger = self.users[-1 - number % len(self.users)]
            if stranger not in self.members[number]:
                key = pending_key(group, stranger)
                yield Invitation(
                    group_id=group,
                    invitee_id=stranger,
                    inviter_id=self.members[number][0],
                    pending_key=key,
                )

    def _audit(self) -> Iterator[Model]:
        for number, user in enumerate(self.users[::AUDIT_EVERY]):
            created = self._moment(number * AUDIT_EVERY / len(self.users))
            yield AuditEntry(action="logged_in", actor_id=user, actor_name="", created=created)


def seed(size: Size, *, say: Say, chance: int = 1) -> User:
    """Make all of it; returns the first user, who is in the largest group."""
    Seed(size, say, Random(chance), timezone.now()).run()  # noqa: S311  no secrets
    return User.objects.get(username=FIRST_USER)


def is_seeded() -> bool:
    return User.objects.filter(username=FIRST_USER).exists()
