"""News for the apps above: they may use accounts, accounts do not know them."""

from django.dispatch import Signal

user_leaving = Signal()
"""Sent with `user` before a user's row goes, when his sessions and worker tokens have ended
already: whoever holds something for him settles it now, and connections that are told to look at
their token see that it is gone.
"""

access_ended = Signal()
"""Sent with `user_id` when a session or a worker token of his has ended, or he was blocked: whoever
keeps a connection open for him looks now whether it may stay.
"""

notified = Signal()
"""Sent with `users`, a list of ids: what they have been told is another list now, or more of it is
read.
"""
