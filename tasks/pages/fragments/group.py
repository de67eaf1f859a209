"""The page of one group, live: its tasks, the workers that are here, the last hour, and who
computed this week.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from groups import selectors as group_selectors
from tasks.estimates import hours
from tasks.models import Task
from tasks.pages import charts
from tasks.pages.fragments.changes import Parts
from tasks.pages.fragments.page_state import Part, drawn, html
from tasks.pages.fragments.rows import TaskRow, task_rows
from tasks.selectors import presence, statistics, visibility

MINUTES, PACE_TOP_PX, PACE_BASE_PX = 60, 2, 72
DAYS, WEEK_PX, MEMBERS_SHOWN, RANKED_AT_ONCE = 7, 22, 10, 50
WORKERS_SHOWN = 50
ROWS_MAX = 50  # tasks that are told of at once: those that run, and those that have just ended
WEEK_SECONDS = 60  # so often the week is computed anew
OVERLAP = timedelta(seconds=5)  # clocks of several servers differ


@dataclass(frozen=True)
class WorkerRow:
    id: UUID
    name: str
    owner: str
    state: str
    word: str
    runs: str
    slots: int
    cells: tuple[bool, ...]

    @property
    def lit(self) -> int:
        return sum(self.cells)


@dataclass(frozen=True)
class Online:
    """How many are here, and their slots."""

    workers: int
    slots: int
    lit: int
    shown: int


@dataclass(frozen=True)
class Pace:
    columns: tuple[charts.Column, ...]
    total: int
    says: str


@dataclass(frozen=True)
class MemberWeek:
    id: UUID
    name: str
    columns: tuple[charts.Column, ...]
    seconds: float
    says: str


@dataclass(frozen=True)
class Week:
    """`days`: (x in per cent, letter) of each day, the present one last. `seconds` are those of
    former members, too.
    """

    days: tuple[tuple[float, str], ...]
    members: tuple[MemberWeek, ...]
    seconds: float


@dataclass
class GroupLook:
    """What stands above and beside the list of tasks."""

    online: Online
    workers: list[WorkerRow]
    pace: Pace
    week: Week


@dataclass
class GroupPanel:
    """Of one group, for all who watch it here. `active` are the tasks that ran when it was last
    looked at.
    """

    group: UUID
    active: set[UUID] = field(default_factory=set)
    looked: datetime | None = None

    def look(self) -> GroupLook:
        here = [_worker(one) for one in presence.workers_here(self.group)]
        shown = here[:WORKERS_SHOWN]
        online = Online(
            len(here), sum(row.slots for row in here), sum(row.lit for row in here), len(shown)
        )
        return GroupLook(online, shown, _pace(self.group), week_of(self.group))

    def parts(self) -> Parts:
        return _parts(self.look(), task_rows(self._news()))

    def _news(self) -> list[Task]:
        """Tasks that run, and those that changed since the last look."""
        now = timezone.now()
        since = (self.looked or now) - OVERLAP
        tasks = visibility.tasks_in_motion(self.group, since, self.active, ROWS_MAX)
        self.active, self.looked = {task.pk for task in tasks if not task.is_final}, now
        return tasks


def _parts(look: GroupLook, rows: list[TaskRow]) -> Parts:
    found = {
        "online": Part("online-place", html("tasks/group/_online.html", look.online)),
        "pace": Part("pace-place", html("tasks/group/_pace.html", look.pace)),
        "week": Part("week-place", html("tasks/group/_week.html", look.week)),
    }
    found |= {
        f"worker-{row.id}": Part("workers", html("tasks/group/_worker.html", row))
        for row in look.workers
    }
    return found | {f"task-{row.id}": Part("tasks", drawn("tasks/_row.html", row)) for row in rows}


def _worker(one: presence.Present) -> WorkerRow:
    worker = one.worker
    owner = worker.owner.username if worker.owner else "a former member"
    return WorkerRow(
        worker.pk, worker.name, owner, one.state, one.word, one.runs, worker.slots, tuple(one.cells)
    )


def _pace(group: UUID) -> Pace:
    pace = statistics.pace(MINUTES, group)
    total, most = sum(pace), max(pace)
    columns = charts.columns(pace, charts.minutes(pace), top_px=PACE_TOP_PX, base_px=PACE_BASE_PX)
    says = f"Subtasks done each minute of the last hour: {total:,} in all, at most {most:,} in a minute"
    return Pace(tuple(columns), total, says)


def week_of(group: UUID) -> Week:
    """As it was at most WEEK_SECONDS ago, for all who look at the group: thousands of rows may have
    to be added up.
    """
    found = cache.get_or_set(f"week:{group}", lambda: _week(group), WEEK_SECONDS)
    assert isinstance(found, Week)
    return found


def _week(group: UUID) -> Week:
    """Who computed how much in each of the last seven days (UTC), most first. Two queries, or a
    few.
    """
    today = timezone.now().date()
    days = [today - timedelta(days=DAYS - 1 - i) for i in range(DAYS)]
    computed = statistics.computed(group, datetime.combine(days[0], datetime.min.time(), UTC))
    sums = {member: sum(by_day.values()) for member, by_day in computed.items()}
    leading = _leading(group, sorted(sums, key=lambda member: (-sums[member], member)))
    most = max(
        (seconds for member in leading for seconds in computed[member].values()), default=0.0
    )
    rows = tuple(
        _member(member, name, computed[member], days, most) for member, name in leading.items()
    )
    letters = tuple(
        (round(100 * (i + 0.5) / DAYS, 1), f"{day:%a}"[0]) for i, day in enumerate(days)
    )
    return Week(letters, rows, sum(sums.values()))


def _leading(group: UUID, ranked: list[UUID]) -> dict[UUID, str]:
    """{member: name} of the first MEMBERS_SHOWN of these users who are still in the group, in this
    order.

    The others are not asked for: there may be thousands.
    """
    found: dict[UUID, str] = {}
    for start in range(0, len(ranked), RANKED_AT_ONCE):
        some = ranked[start : start + RANKED_AT_ONCE]
        names = group_selectors.names_of(group, some)
        found |= {member: names[member] for member in some if member in names}
        if len(found) >= MEMBERS_SHOWN:
            break
    return dict(list(found.items())[:MEMBERS_SHOWN])


def _member(
    member: UUID, name: str, by_day: dict[date, float], days: list[date], most: float
) -> MemberWeek:
    seconds = [by_day.get(day, 0.0) for day in days]
    titles = [f"{day:%A}: {hours(spent)}" for day, spent in zip(days, seconds, strict=True)]
    columns = charts.columns(seconds, titles, top_px=0, base_px=WEEK_PX, most=most)
    says = f"{name}: {hours(sum(seconds))} of computing in seven days"
    return MemberWeek(member, name, tuple(columns), sum(seconds), says)
