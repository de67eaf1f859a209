"""The rules of a worker's connection, without a socket: facts go in, decisions come out.

Nothing here waits, sends or asks the time, so all of it is tested without a network. Where a fact
leads to several steps, a method yields `Step`s; `presence` takes them one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from accounts.selectors import Bearer
from firmlight_client import protocol
from tasks.consent import Agreement, group_key
from tasks.queue import connections
from tasks.queue.keys import group_of, online_seconds
from tasks.services import workers

GROUPS_CHANGED = (
    "Your groups have changed: which of them the worker's rules are about is looked up again."
)


class UnexpectedFrame(ValueError):
    """A frame came that is not accepted now."""


# Steps


@dataclass(frozen=True)
class Send:
    """Send this frame."""

    frame: protocol.Frame


@dataclass(frozen=True)
class Close:
    """Say why, then close the connection with this code."""

    close: int
    code: str
    message: str


@dataclass(frozen=True)
class NotePresence:
    """Note in every group, now, that the worker is here and what it takes."""


@dataclass(frozen=True)
class ShowResting:
    """Show in this group why the worker rests; "": it does not."""

    group: str
    why: str


@dataclass(frozen=True)
class LeaveGroup:
    """The worker takes nothing of this group, but keeps its leases."""

    group: str


@dataclass(frozen=True)
class DropGroup:
    """The worker serves this group no longer: cancel its leases and give them to others."""

    group: str


@dataclass(frozen=True)
class AnnounceGroup:
    """Pages that show this group are to look at its workers."""

    group: str


@dataclass(frozen=True)
class LeaseMore:
    """Fill the free slots."""


Step = (
    Send | Close | NotePresence | ShowResting | LeaveGroup | DropGroup | AnnounceGroup | LeaseMore
)


@dataclass(frozen=True)
class Beat:
    """What a heartbeat says in one group."""

    group: str
    kinds: list[str]  # ["NAME@version"] that may be leased now
    slots: int
    leases: list[str]  # to renew
    resting: str = ""  # why it takes nothing there now, for people


class Session:
    """What is known of the worker at the other end, and what follows from it.

    `bearer` holds the token's owner, `worker` is None until hello was answered, `groups` {id: name}
    are those it serves, `suspended` says why it gets nothing ("" if it does). Times are monotonic
    seconds.
    """

    def __init__(self) -> None:
        self.bearer: Bearer | None = None
        self.worker: workers.Enrolled | None = None
        self.groups: dict[str, str] = {}
        self.agreement = Agreement()
        self.suspended = ""
        self.said_bye = False
        self.heard_at: float | None = None  # when a frame came last
        self.noted_at = 0.0  # when it was last noted as here
        self._shown_resting: dict[str, str] = {}  # group -> why it rests, as people see it

    # Who is there

    @property
    def me(self) -> workers.Enrolled:
        """The worker, once its hello was answered."""
        assert self.worker
        return self.worker

    @property
    def worker_id(self) -> str:
        """The worker's id; "" before its hello was answered."""
        return self.worker.id if self.worker else ""

    def begin(self, worker: workers.Enrolled, kinds: list[str]) -> None:
        """The worker said hello; `kinds` are the ["NAME@version"] that both sides have alike."""
        self.worker = worker
        self.groups = worker.duty.groups
        self.suspended = worker.duty.suspended
        self.agreement = Agreement(
            consent=worker.consent,
            kinds=kinds,
            has_unfit_rule=any(key in worker.unfit for key in worker.consent),
        )
        self._shown_resting = self._why_resting()  # its first heartbeat says so

    # Frames and time

    def admit(self, frame: protocol.FromWorker) -> None:
        """Raise UnexpectedFrame unless this frame is in its turn."""
        is_hello = isinstance(frame, protocol.Hello)
        if is_hello == (self.worker is not None):
            raise UnexpectedFrame("One hello comes first, and only one.")

    def is_forgotten(self, now: float) -> bool:
        """Whether the worker was silent for so long that it counts as gone.

        It was not woken for work that came meanwhile.
        """
        return self.worker is not None and now - self.noted_at > online_seconds()

    def is_silent(self, now: float) -> bool:
        """Whether nothing came for as long as a lease lasts.

        The network may be cut, and work that is sent into it would be late.
        """
        return self.heard_at is None or now - self.heard_at > online_seconds()

    def how_it_leaves(self, close: int) -> str:
        """Return what becomes of its leases when the connection ends with this code."""
        if self.said_bye:
            return connections.RELEASED
        if close == protocol.CLOSE_RESTARTING:
            return connections.KEPT  # it comes back and names them in its hello
        return connections.LOST

    # Leases

    def kinds_of(self, group: str) -> list[str]:
        """Return the ["NAME@version"] that it takes of this group now."""
        if self.agreement.why_resting(group):
            return []
        return self.agreement.kinds_for(group)

    def by_group(self, leases: list[str]) -> dict[str, list[str]]:
        """Return {group id: those of these leases that are of it}, for the groups it serves."""
        found: dict[str, list[str]] = {}
        for lease in leases:
            group = group_of(lease)
            if group in self.groups:
                found.setdefault(group, []).append(lease)
        return found

    def foreign(self, leases: list[str]) -> list[str]:
        """Return those of these leases that are of no group it serves."""
        return [lease for lease in leases if group_of(lease) not in self.groups]

    def beats(self, leases: list[str]) -> list[Beat]:
        """Return what a heartbeat that names these leases says, for each group.

        A suspended worker only renews its leases: it is offered no kind and no slot, so that no
        task waits for it.
        """
        leases_of = self.by_group(leases)
        found = []
        for group in self.groups:
            kinds: list[str] = []
            slots = 0
            if not self.suspended:
                kinds = self.kinds_of(group)
            if kinds:
                slots = self.agreement.slots_for(group, self.me.slots)
            resting = self.agreement.why_resting(group)
            found.append(Beat(group, kinds, slots, leases_of.get(group, []), resting))
        return found

    # Resting

    def rest(self, resting: Mapping[str, str]) -> None:
        """The worker rests in these groups now {id, name or ALL_GROUPS: why}, and in no others.

        It is leased nothing there from now on. `after_rest` says what else follows.
        """
        owned = self.me.duty.owned
        self.agreement.resting = {
            group_key(written, owned): why for written, why in resting.items()
        }

    def after_rest(self) -> Iterator[Step]:
        """Have no task wait for a resting worker and show why; nothing if that is so already."""
        before, self._shown_resting = self._shown_resting, self._why_resting()
        changed = False
        for group, now in self._shown_resting.items():
            was = before.get(group, "")
            if now == was:
                continue
            changed = True
            yield ShowResting(group, now)
            if not was:
                yield LeaveGroup(group)
            yield AnnounceGroup(group)
        if changed:
            yield NotePresence()

    def _why_resting(self) -> dict[str, str]:
        return {group: self.agreement.why_resting(group) for group in self.groups}

    # Checks

    def after_check(self, duty: workers.Duty | None) -> Iterator[Step]:
        """The database was asked what the worker may do now; None: its token is not valid.

        The session changes while the steps are taken: it serves a group until that is dropped.
        """
        if duty is None:
            yield Close(protocol.CLOSE_BAD_TOKEN, "bad_token", "This token is no longer valid.")
            return
        for group in self.groups.keys() - duty.groups.keys():
            yield DropGroup(group)
        self.groups = duty.groups
        if not workers.fits_as_before(self.me, duty.owned):
            # A rule or a `--group` fits a group now, or none any more: with a new hello both sides
            # know which.
            for group in self.groups:
                yield ShowResting(group, "")
            yield Close(protocol.CLOSE_RESTARTING, "groups_changed", GROUPS_CHANGED)
            return
        yield from self._after_suspension(duty.suspended)
        yield LeaseMore()

    def _after_suspension(self, reason: str) -> Iterator[Step]:
        if reason == self.suspended:
            return
        self.suspended = reason
        if not reason:
            yield NotePresence()
            return
        for group in self.groups:
            yield LeaveGroup(group)
        yield from self.suspension()

    def suspension(self) -> Iterator[Send]:
        """If the worker is suspended, send it the reason."""
        if self.suspended:
            yield Send(protocol.Error(code="suspended", message=self.suspended))
