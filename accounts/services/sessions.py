"""Log-in sessions: open, refresh, end."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.sessions.models import Session as Cookie
from django.db.models import Q
from django.utils import timezone

from accounts import audit, selectors, tokens
from accounts.errors import BadToken, TokenReused, TooManyLogins
from accounts.models import DEVICE_MAX, Session, SessionQuerySet, User, WorkerToken
from accounts.services.worker_tokens import end_worker_token
from accounts.signals import access_ended, handouts_ended
from core import batches, quotas, throttling
from core.errors import NotFound
from firmlight_client.text import without_unseen

LAST_USED_SECONDS = 60  # how stale `last_used` may be, so that not every request costs a write


def device_name(user_agent: str) -> str:
    """A User-Agent as pages may show it: printable, at most DEVICE_MAX characters."""
    return without_unseen(user_agent)[:DEVICE_MAX]


def open_session(user: User, device: str = "") -> tokens.Pair:
    """Log this user in on a device, named by its User-Agent; return the tokens.

    Raises TooManyLogins, BadToken if all access of the user has just ended.
    """
    count_login(user)
    session_id = uuid4()
    pair = tokens.mint(user, session_id)
    Session.objects.create(
        id=session_id, user=user, device=device_name(device), jti=pair.jti, expires=pair.expires
    )
    require_current(user, session_id)
    end_surplus_sessions(user, keep=session_id)
    return pair


def require_current(user: User, session_id: UUID) -> None:
    """End this new session and raise BadToken if all access of the user has just ended.

    The password was right when it was checked, but the session came after all others had ended.
    """
    if not selectors.is_current(user):
        Session.objects.filter(pk=session_id).revoke()
        raise BadToken


def count_login(user: User) -> None:
    """Count a log-in that has succeeded. Raises TooManyLogins."""
    throttling.spend("session", user.pk, TooManyLogins)


def end_surplus_sessions(user: User, keep: UUID) -> None:
    """Delete the user's sessions beyond SESSIONS_PER_USER_MAX, except for `keep`, the newest.

    Those that have ended go first, then the ones that were not used for the longest time.
    """
    most = settings.SESSIONS_PER_USER_MAX
    mine = Session.objects.filter(user=user).exclude(pk=keep)
    if not quotas.is_full(mine, most):
        return
    living = mine.filter(revoked=None).order_by("-last_used", "id")
    kept = list(living.values_list("pk", flat=True)[: most - 1])
    gone = mine.exclude(pk__in=kept)
    had_access = gone.filter(revoked=None).exists()
    gone.delete()
    if had_access:
        announce_access_ended(user.pk)


def refresh_session(refresh: str) -> tokens.Pair:
    """Spend a refresh token for a new pair. Raises BadToken, or TokenReused.

    One conditional UPDATE moves `jti`: of two callers with one token exactly one gets a pair. One
    of them is a thief. Nobody can tell which, so both lose the session (RFC 9700, 4.14.2).
    """
    session_id, jti = tokens.read_refresh(refresh)
    bearer = selectors.session_bearer(session_id)
    if bearer is None:
        raise BadToken
    pair = tokens.mint(bearer.user, session_id)
    spent = Session.objects.live().filter(pk=session_id, jti=jti)
    if not spent.update(jti=pair.jti, expires=pair.expires, last_used=timezone.now()):
        Session.objects.filter(pk=session_id).revoke()
        announce_access_ended(bearer.user.pk)
        raise TokenReused
    return pair


def log_out(refresh: str = "", worker_token: str = "") -> None:
    """End the session of this refresh token, and this worker token. Raises BadToken.

    The session's access tokens end with it. The worker token ends first, since it may still be
    valid when the refresh token has expired.
    """
    if worker_token:
        end_worker_token(worker_token)
    if not refresh:
        return
    session_id, _ = tokens.read_refresh(refresh)
    row = Session.objects.filter(pk=session_id).first()
    if row is not None:
        Session.objects.filter(pk=session_id).revoke()
        announce_access_ended(row.user_id)


def sessions_of(user: User) -> SessionQuerySet:
    """Where the user is logged in, the session used last first."""
    return Session.objects.live().filter(user=user)


def end_session(user: User, session_id: UUID) -> None:
    """Log the user out on one device. Raises NotFound unless it is a living session of theirs."""
    if not sessions_of(user).filter(pk=session_id).revoke():
        raise NotFound
    announce_access_ended(user.pk)


def end_all_sessions(user: User, keep: UUID | None = None, by: User | None = None) -> None:
    """Log the user out everywhere, browsers included, except for the session `keep`.

    Worker tokens stay valid. `by` is the moderator who does this, if it is not the user.
    """
    revoke_sessions(user, keep=keep)
    audit.record("sessions_ended", actor=by or user, target=user)


def revoke_sessions(user: User, keep: UUID | None = None) -> None:
    """The same without an entry in the audit log: the caller writes one of its own.

    With the sessions ends what else acts for the user without their password: codes of devices that
    they confirmed, links in e-mails, and links into groups that they made. The stamp comes first,
    so that nothing of that opens a session after the others have ended.
    """
    stamp = uuid4()
    User.objects.filter(pk=user.pk).update(stamp=stamp)
    user.stamp = stamp
    sessions = Session.objects.filter(user=user)
    if keep is not None:
        sessions = sessions.exclude(pk=keep)
    sessions.revoke()
    announce_access_ended(user.pk)
    handouts_ended.send_robust(User, user_id=user.pk)


def announce_access_ended(user_id: UUID) -> None:
    """A session or token of this user ended: their open connections check what is still valid."""
    access_ended.send_robust(User, user_id=user_id)


def note_use(bearer: selectors.Bearer) -> None:
    """Record that this token was used now, at most once in LAST_USED_SECONDS."""
    now = timezone.now()
    if bearer.last_used and now - bearer.last_used < timedelta(seconds=LAST_USED_SECONDS):
        return
    unchanged = Q(pk=bearer.id, last_used=bearer.last_used)
    if bearer.kind == "worker":
        WorkerToken.objects.filter(unchanged).update(last_used=now)
    else:
        Session.objects.filter(unchanged).update(last_used=now)


def purge_sessions() -> int:
    """Delete the sessions whose refresh token or cookie has expired. Return how many."""
    batches.delete_in_batches(Cookie.objects.filter(expire_date__lt=timezone.now()))
    return batches.delete_in_batches(Session.objects.filter(expires__lt=timezone.now()))
