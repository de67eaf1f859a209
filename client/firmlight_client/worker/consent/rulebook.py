"""Which rules hold for which group. Groups go by id, so a new name changes nothing.

While a rule fits no group of the owner's, the group that it was meant for may have no rule. So
groups without a rule of their own get nothing then, and the worker reports that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from firmlight_client import protocol
from firmlight_client.group_names import as_id, find, name_key, tidy
from firmlight_client.protocol import ALL_GROUPS, GROUP_KEY_MAX, RULE_FITS_NO_GROUP, WRITTEN_MAX
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rules import FILE, Consent, Rules

TWO_RULES = "its owner has written two rules for this group"
NOTHING = protocol.Consent(slots=0)


class Rulebook:
    """The rules of `worker.toml`, and the groups that their names mean.

    `wanted` are the names and ids after `--group`. A row is a key of `Consent.rows`: a name as it
    was written, or ALL_GROUPS for the groups without a rule of their own.
    """

    def __init__(self, consent: Consent, wanted: Sequence[str], memory: Memory) -> None:
        self.consent, self.wanted = consent, tuple(wanted)
        self.groups = memory.groups
        self.looked_up = False  # before the first connection nothing can be leased, or be wrong
        texts = (*consent.groups, *wanted)
        self.bound = {text: as_id(text) or memory.bound.get(text, "") for text in texts}

    def learn(self, groups: Mapping[str, str] | None) -> dict[str, str]:
        """The owner is in these groups {id: name}; None: the server is too old to say.

        Returns {name: id} of the names that meant no group until now.
        """
        self.looked_up, self.groups = True, None if groups is None else dict(groups)
        unknown = [text for text, group in self.bound.items() if not group]
        found = {text: group for text in unknown if (group := find(text, groups or {}))}
        self.bound.update(found)
        return found

    # What holds

    def row(self, group: str) -> str:
        """The row that the group of this id falls under."""
        return next((text for text in self.consent.groups if self.bound[text] == group), ALL_GROUPS)

    def rules(self, group: str) -> Rules:
        """The rules for the group of this id."""
        return self.consent.groups.get(self.row(group), self.consent.plain)

    def rows(self) -> list[str]:
        """The rows that a group of the owner's may fall under."""
        return [ALL_GROUPS, *(text for text in self.consent.groups if self.fits(text))]

    def resting(self, resting: Mapping[str, str]) -> dict[str, str]:
        """{row: why nothing is taken there}.

        `resting` is what the state of the machine forbids; what is wrong with the rules is added.
        """
        found = {**resting, **dict.fromkeys(self.written_twice(), TWO_RULES)}
        if self.unfit():
            found[ALL_GROUPS] = RULE_FITS_NO_GROUP
        return found

    # What fits

    def fits(self, text: str) -> bool:
        """Whether the owner is in the group that this name or id means, as far as is known."""
        group = self.bound[text]
        if not self.looked_up:
            return True
        return bool(group) and (self.groups is None or group in self.groups)

    def unfit(self) -> list[str]:
        """The rules that fit no group of the owner's."""
        return [text for text in self.consent.groups if not self.fits(text)]

    def written_twice(self) -> list[str]:
        """The rules that share their group with another one."""
        groups = [self.bound[text] for text in self.consent.groups]
        twice = {group for group in groups if group and groups.count(group) > 1}
        return [text for text in self.consent.groups if self.bound[text] in twice]

    def called_now(self, text: str) -> str:
        """What the group that `text` means is called now; "" if that is `text`, or not known."""
        name = (self.groups or {}).get(self.bound[text], "")
        return "" if name_key(name) == name_key(text) else name

    def problems(self) -> list[str]:
        """What is wrong with names and rules, and what to do, in sentences."""
        unfit, twice = self.unfit(), self.written_twice()
        missing = [text for text in dict.fromkeys(self.wanted) if not self.fits(text)]
        said = [self._about(text) for text in unfit]
        if unfit:
            said.append(
                "Groups without a rule of their own get nothing until you correct the name in "
                f"{FILE}, or remove the rule (firmlight config unset --group {_quoted(unfit[0])}), "
                "and restart the worker."
            )
        if twice:
            same = f"The rules for {_all(twice)} are of the same group"
            said.append(f"{same}, which gets nothing: keep one of them.")
        if missing:
            said.append(f"--group {_all(missing)} fits no group of yours: it gets no work there.")
        return said

    def _about(self, text: str) -> str:
        if self.bound[text] and not as_id(text):
            return (
                f"You are no longer in the group that the rule for {_quoted(text)} is about. "
                f"If another has this name now: firmlight config forget {_quoted(text)}."
            )
        return f"The rule for {_quoted(text)} fits no group of yours."

    # As it is sent to the server

    def consent_by_key(self) -> dict[str, protocol.Consent]:
        """The rules by id; those that fit nothing yet by name."""
        found = {ALL_GROUPS: _frame_of(self.consent.plain, "")}
        for text, rules in self.consent.groups.items():
            key = self._key(text)
            # Two rules for one group: neither may win by chance.
            found[key] = NOTHING if key in found else _frame_of(rules, text)
        return found

    def resting_by_key(self, resting: Mapping[str, str]) -> dict[str, str]:
        """What `resting` returns, with the keys of `consent_by_key`."""
        return {self._key(row): why for row, why in resting.items()}

    def wanted_keys(self) -> list[str]:
        """What `--group` named, by id where it is known."""
        return [self._key(text) for text in self.wanted]

    def _key(self, row: str) -> str:
        if row == ALL_GROUPS:
            return row
        return self.bound[row] or tidy(row)[:GROUP_KEY_MAX]


def _frame_of(rules: Rules, written: str) -> protocol.Consent:
    consent = msgspec.convert(msgspec.to_builtins(rules), protocol.Consent)
    consent.written = written[:WRITTEN_MAX]
    return consent


def _quoted(text: str) -> str:
    return f'"{text}"'


def _all(texts: Iterable[str]) -> str:
    return " and ".join(map(_quoted, texts))
