"""Signals to the apps above: they use accounts, and accounts does not know them."""

from django.dispatch import Signal

user_leaving = Signal()
"""Sent with `user` before the user's row is deleted; receivers settle what they hold for the user.

The user's sessions and worker tokens have ended by then, so that a connection that checks its token
finds it invalid.
"""

access_ended = Signal()
"""Sent with `user_id` when a session or worker token of the user ended, or the user was blocked.

Receivers that hold a connection open for this user check whether it may stay.
"""

handouts_ended = Signal()
"""Sent with `user_id` when the password is new, or the user was logged out everywhere or blocked.

What the user handed out before, so that others may come in, must no longer open anything.
"""

notified = Signal()
"""Sent with `users`, a list of ids, whose notifications are new, gone or read."""
