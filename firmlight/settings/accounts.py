"""Accounts and groups, throttles, and mail."""

from firmlight.settings.read import env, number, whole

# Accounts

ACCESS_TOKEN_MINUTES = number("ACCESS_TOKEN_MINUTES", 15, 0.01)
REFRESH_TOKEN_DAYS = number("REFRESH_TOKEN_DAYS", 30, 0.001)
WORKER_TOKENS_PER_USER_MAX = whole("WORKER_TOKENS_PER_USER_MAX", 50, 1)
# Made by one user, also those revoked since.
WORKER_TOKENS_PER_DAY_MAX = whole("WORKER_TOKENS_PER_DAY_MAX", 200, 1)
SESSIONS_PER_USER_MAX = whole("SESSIONS_PER_USER_MAX", 100, 1)  # beyond, the longest unused ends
LOGINS_PER_DAY_MAX = whole("LOGINS_PER_DAY_MAX", 1000, 1)  # of one user, that succeed
BROWSER_SESSION_DAYS = number("BROWSER_SESSION_DAYS", 30, 0.001)
# How long a device that has logged in to an account is known there.
KNOWN_DEVICE_DAYS = number("KNOWN_DEVICE_DAYS", 180, 0.001)
# Of one account from one address; then log-ins to it from there are locked.
LOGIN_FAILURES_MAX = whole("LOGIN_FAILURES_MAX", 10, 1)
LOGIN_LOCK_MINUTES = number("LOGIN_LOCK_MINUTES", 15, 0.01)
PASSWORD_RESET_MINUTES = number("PASSWORD_RESET_MINUTES", 60, 0.02)
EMAIL_CONFIRM_HOURS = number("EMAIL_CONFIRM_HOURS", 48, 0.001)
AUDIT_DAYS = number("AUDIT_DAYS", 730, 0.001)
INVITATION_DAYS = number("INVITATION_DAYS", 14, 0.001)
INVITED_AT_ONCE_MAX = whole("INVITED_AT_ONCE_MAX", 50, 1)  # names in one request
JOIN_REQUEST_DAYS = number(
    "JOIN_REQUEST_DAYS", 30, 0.001
)  # a request unanswered for so long expires
LINKS_PER_GROUP_MAX = whole("LINKS_PER_GROUP_MAX", 20, 1)
LINKS_PER_GROUP_DAY_MAX = whole("LINKS_PER_GROUP_DAY_MAX", 100, 1)  # also those withdrawn since
LINK_DAYS_MAX = whole("LINK_DAYS_MAX", 30, 1)
LINK_USES_MAX = whole("LINK_USES_MAX", 1000, 1)
GROUPS_PER_DAY_MAX = whole("GROUPS_PER_DAY_MAX", 20, 1)  # that one user makes
GROUPS_PER_USER_MAX = whole("GROUPS_PER_USER_MAX", 200, 1)  # that one user is in
# Of one inviter and one invitee, in whatever groups, withdrawn and declined ones included.
INVITATIONS_PER_PAIR_DAY_MAX = whole("INVITATIONS_PER_PAIR_DAY_MAX", 5, 1)
INVITATIONS_PER_USER_DAY_MAX = whole("INVITATIONS_PER_USER_DAY_MAX", 500, 1)  # sent by one user
INVITATIONS_PER_GROUP_DAY_MAX = whole("INVITATIONS_PER_GROUP_DAY_MAX", 500, 1)
# To one group, withdrawn and declined ones included: of one user, of all users at one address, and
# of all.
JOIN_REQUESTS_PER_PAIR_DAY_MAX = whole("JOIN_REQUESTS_PER_PAIR_DAY_MAX", 3, 1)
JOIN_REQUESTS_PER_ADDRESS_DAY_MAX = whole("JOIN_REQUESTS_PER_ADDRESS_DAY_MAX", 100, 1)
JOIN_REQUESTS_PER_GROUP_DAY_MAX = whole("JOIN_REQUESTS_PER_GROUP_DAY_MAX", 500, 1)
JOIN_REQUESTS_PER_USER_MAX = whole("JOIN_REQUESTS_PER_USER_MAX", 50, 1)  # open ones
# Of one user; with more, the oldest go, those first that are read.
NOTIFICATIONS_PER_USER_MAX = whole("NOTIFICATIONS_PER_USER_MAX", 500, 1)
NOTIFICATION_DAYS = number("NOTIFICATION_DAYS", 90, 0.001)  # then they are deleted, read or not

# Throttles (core/throttling.py): how often each user may do something, or each address where nobody
# is logged in

LOGIN_PER_MINUTE_MAX = whole("LOGIN_PER_MINUTE_MAX", 60, 1)
REGISTER_PER_HOUR_MAX = whole("REGISTER_PER_HOUR_MAX", 300, 1)
REFRESH_PER_MINUTE_MAX = whole("REFRESH_PER_MINUTE_MAX", 300, 1)
# Wrong passwords: at log-ins with one name or e-mail address from all addresses together, and where
# a user who is logged in confirms something with the password.
LOGIN_FAILURES_PER_HOUR_MAX = whole("LOGIN_FAILURES_PER_HOUR_MAX", 300, 1)
PASSWORD_FAILURES_PER_HOUR_MAX = whole("PASSWORD_FAILURES_PER_HOUR_MAX", 20, 1)
# E-mails on demand: links to reset a password, to confirm an address or to change it. Of one user,
# and of one address; from one address to one recipient; to one recipient, whoever asks.
MAIL_PER_HOUR_MAX = whole("MAIL_PER_HOUR_MAX", 30, 1)
MAIL_PER_PAIR_PER_HOUR_MAX = whole("MAIL_PER_PAIR_PER_HOUR_MAX", 3, 1)
MAIL_PER_RECIPIENT_PER_HOUR_MAX = whole("MAIL_PER_RECIPIENT_PER_HOUR_MAX", 10, 1)
SUBMIT_PER_MINUTE_MAX = whole("SUBMIT_PER_MINUTE_MAX", 3000, 1)
UPLOAD_PER_MINUTE_MAX = whole("UPLOAD_PER_MINUTE_MAX", 300, 1)  # tasks submitted with a file
INVITE_PER_HOUR_MAX = whole("INVITE_PER_HOUR_MAX", 600, 1)
DEVICE_MINUTES = number("DEVICE_MINUTES", 10, 0.1)  # how long a code is valid
# How often a program that waits for approval may ask.
DEVICE_POLL_SECONDS = number("DEVICE_POLL_SECONDS", 2, 0.1)
DEVICE_PER_HOUR_MAX = whole("DEVICE_PER_HOUR_MAX", 120, 1)  # programs that ask for access
# Their questions whether it was granted: 40 programs of one address ask every two seconds.
DEVICE_POLLS_PER_MINUTE_MAX = whole("DEVICE_POLLS_PER_MINUTE_MAX", 1200, 1)
DEVICE_CODE_PER_MINUTE_MAX = whole("DEVICE_CODE_PER_MINUTE_MAX", 30, 1)  # codes that one user types
JOIN_PER_HOUR_MAX = whole("JOIN_PER_HOUR_MAX", 120, 1)  # codes of links tried, and requests to join
# Whatever else a user makes, changes or deletes.
WRITES_PER_MINUTE_MAX = whole("WRITES_PER_MINUTE_MAX", 600, 1)
WRITES_PER_DAY_MAX = whole("WRITES_PER_DAY_MAX", 20_000, 1)
SEARCH_PER_MINUTE_MAX = whole("SEARCH_PER_MINUTE_MAX", 300, 1)

# Mail: printed by the jobs unless EMAIL_URL names a server, "smtp+tls://user:password@host:587"

EMAIL_URL = env.str("EMAIL_URL", "consolemail://")
MAIL_CONFIGURED = not EMAIL_URL.startswith(("consolemail:", "dummymail:", "memorymail:"))
vars().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = number("MAIL_SECONDS_MAX", 20, 0.1)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("MAIL_FROM", "Firmlight <firmlight@localhost>")
