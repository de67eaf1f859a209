"""News for the apps above: they may use accounts, accounts do not know them."""

from django.dispatch import Signal

user_leaving = Signal()
"""Sent with `user` before a user's row goes, when his sessions and worker tokens have ended already: whoever holds
something for him settles it now, and connections that are told to look at their token see that it is gone."""
