"""The page of one group, live: its tasks, its workers, the last hour and the last week."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from groups import selectors as group_selectors
from tasks.estimates import hours
from tasks.models import Task
from tasks.names import member_name
from tasks.pages import charts
from tasks.pages.fragments.fragment import Fragment, Fragments, drawn, html
from tasks.pages.fragments.rows import TaskRow, task_rows
from tasks.selectors import presence, statistics, visibility

MINUTES, PACE_TOP_PX, PACE_BASE_PX = 60, 2, 72
DAYS, WEEK_PX, MEMBERS_SHOWN = 7, 22, 10
RANKED_AT_ONCE = 50  # users whose names are asked for in one query
WORKERS_SHOWN = 50
ROWS_MAX = 50  # tasks in one update: those that run, and those that have just ended
WEEK_SECONDS = 60  # how long the figures of the week are cached
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
    """How many workers are online, and their slots."""

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
    """Who computed how much in the last seven days.

    `days` are (x in per cent, letter), today last. `seconds` include those of former members.
    """

    days: tuple[tuple[float, str], ...]
    members: tuple[MemberWeek, ...]
    seconds: float


@dataclass
class GroupState:
    """What stands above and beside the list of tasks."""

    online: Online
    workers: list[WorkerRow]
    pace: Pace
    week: Week


@dataclass
class GroupPage:
    """The page of one group, for everybody in this process who watches it.

    `active` are the tasks that ran when their rows were last read, at `read`.
    """

    group: UUID
    active: set[UUID] = field(default_factory=set)
    read: datetime | None = None

    def state(self) -> GroupState:
        here = [_worker(one) for one in presence.workers_here(self.group)]
        shown = here[:WORKERS_SHOWN]
        online = Online(
            workers=len(here),
            slots=sum(row.slots for row in here),
            lit=sum(row.lit for row in here),
            shown=len(shown),
        )
        return GroupState(online, shown, _pace(self.group), week_of(self.group))

    def fragments(self) -> Fragments:
        return _fragments(self.state(), task_rows(self._news()))

    def _news(self) -> list[Task]:
        """The tasks that run, and those that have changed since they were last read."""
        now = timezone.now()
        since = (self.read or now) - OVERLAP
        tasks = visibility.tasks_in_motion(self.group, since, self.active, ROWS_MAX)
        self.active = {task.pk for task in tasks if not task.is_final}
        self.read = now
        return tasks


def _fragments(state: GroupState, rows: list[TaskRow]) -> Fragments:
    found = {
        "online": Fragment("online-place", html("tasks/group/_online.html", state.online)),
        "pace": Fragment("pace-place", html("tasks/group/_pace.html", state.pace)),
        "week": Fragment("week-place", html("tasks/group/_week.html", state.week)),
    }
    for worker in state.workers:
        drawn_worker = html("tasks/group/_worker.html", worker)
        found[f"worker-{worker.id}"] = Fragment("workers", drawn_worker)
    for row in rows:  # which shows how long ago the task was submitted, so it is drawn each time
        found[f"task-{row.id}"] = Fragment("tasks", drawn("tasks/_row.html", row))
    return found


def _worker(one: presence.Present) -> WorkerRow:
    worker = one.worker
    return WorkerRow(
        id=worker.pk,
        name=worker.name,
        owner=member_name(worker.owner),
        state=one.state,
        word=one.word,
        runs=one.runs,
        slots=worker.slots,
        cells=tuple(one.cells),
    )


def _pace(group: UUID) -> Pace:
    pace = statistics.pace(MINUTES, group)
    total, most = sum(pace), max(pace)
    columns = charts.columns(pace, charts.minutes(pace), top_px=PACE_TOP_PX, base_px=PACE_BASE_PX)
    what = "Subtasks done each minute of the last hour"
    says = f"{what}: {total:,} in all, at most {most:,} in a minute"
    return Pace(tuple(columns), total, says)


def week_of(group: UUID) -> Week:
    """The week as it was at most WEEK_SECONDS ago.

    It is cached for everybody who looks at the group: thousands of rows may have to be added up.
    """
    found = cache.get_or_set(f"week:{group}", lambda: _week(group), WEEK_SECONDS)
    assert isinstance(found, Week)
    return found


def _week(group: UUID) -> Week:
    """Who computed how much on each of the last seven days (UTC), most first. A few queries."""
    today = timezone.now().date()
    days = [today - timedelta(days=DAYS - 1 - i) for i in range(DAYS)]
    computed = statistics.computed(group, datetime.combine(days[0], datetime.min.time(), UTC))
    sums = {member: sum(by_day.values()) for member, by_day in computed.items()}
    leading = _leading(group, sorted(sums, key=lambda member: (-sums[member], member)))
    best_days = [max(computed[member].values(), default=0.0) for member in leading]
    most = max(best_days, default=0.0)
    rows = [_member(member, name, computed[member], days, most) for member, name in leading.items()]
    letters = [(round(100 * (i + 0.5) / DAYS, 1), f"{day:%a}"[0]) for i, day in enumerate(days)]
    return Week(tuple(letters), tuple(rows), sum(sums.values()))


def _leading(group: UUID, ranked: list[UUID]) -> dict[UUID, str]:
    """{member: name} of the first MEMBERS_SHOWN of these users who are still in the group.

    In this order. The names of the others are not asked for, since there may be thousands.
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
