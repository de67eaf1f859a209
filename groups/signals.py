"""News for the apps above: they may use groups, groups do not know them.

Those with -ing come while the rows are still there, and what a receiver raises stops the departure:
it can be tried again. Those in the past tense come when the rows are gone for all to see; what a
receiver raises then is logged.
"""

from django.dispatch import Signal

member_leaving, member_left = Signal(), Signal()
"""With `group_id` and `user_id`. The same whether he leaves, is removed or deletes his account."""

group_closing, group_closed = Signal(), Signal()
"""With `group_id`, `members` (a list of user ids) and `closed_by` (the id of the user who closes
it). Of its members none is announced by himself.
"""
