"""Whether new work may start here: what the owner's rules, the machine and a drain say."""

from __future__ import annotations

from firmlight_client import protocol
from firmlight_client.worker.consent.rulebook import Rulebook
from firmlight_client.worker.load_policy import Verdict


class Admission:
    """The rules in force, and which of them forbid new work at the moment."""

    def __init__(self, rulebook: Rulebook, slots: int) -> None:
        self.rulebook = rulebook
        self.kinds: dict[str, str] = {}  # name -> version, as the slots have them
        self.public: list[str] = []  # kinds that need the network
        self.verdict = Verdict(slots, {})  # how much the machine may do now
        self.resting: dict[str, str] = {}  # {row of the rules: why it takes nothing}
        self.all_rest = False  # no group gets anything
        self.draining = ""  # why

    @property
    def is_closed(self) -> bool:
        """Nothing new may start, for whatever group."""
        return bool(self.draining) or self.all_rest

    def judge(self, verdict: Verdict | None = None) -> None:
        """Look at the rules again, with what the load policy says now."""
        self.verdict = verdict or self.verdict
        self.resting = self.rulebook.resting(self.verdict.resting)
        self.all_rest = all(row in self.resting for row in self.rulebook.rows())

    def allows(self, lease: protocol.Lease, beside: int) -> bool:
        """Whether this lease may start, with so many others of its group beside it.

        The server knows the rules too, but a lease may cross their last change on the way.
        """
        if self.draining or lease.kind not in self.kinds:
            return False
        rules = self.rulebook.rules(lease.group)
        public = lease.kind in self.public
        if not rules.allows(lease.kind, public=public, seconds_max=lease.subtask_seconds_max):
            return False
        if rules.slots is not None and beside >= rules.slots:
            return False
        return self.rulebook.row(lease.group) not in self.resting
