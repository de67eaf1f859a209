"""The moderators' admin as a whole: its look, its overview, and the role that opens it.

What there is to moderate is said by each app's own admin.py; what they share lies in
accounts/admin_actions.py.
"""
