"""Signals to the apps above: they use groups, and groups does not know them.

Signals with -ing are sent while the rows still exist. If a receiver raises, the departure stops and
can be tried again. Signals in the past tense are sent when the rows are deleted. If a receiver
raises then, the error is logged.
"""

from django.dispatch import Signal

member_joined = Signal()
"""With `group_id` and `user_id`, once the user is a member."""

member_leaving, member_left = Signal(), Signal()
"""With `group_id` and `user_id`, whether members leave, are removed or delete their account."""

group_closing, group_closed = Signal(), Signal()
"""With `group_id`, `members` (a list of user ids) and `closed_by` (the id of who closes the group).

No member signals are sent for these members.
"""
