"""The moderators' admin as a whole: its look, its overview, and the role that opens it.

Each app's own admin.py says what there is to moderate; accounts/admin_actions.py has what those
share.
"""
